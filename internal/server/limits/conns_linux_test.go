package limits

import (
	"net"
	"net/netip"
	"testing"
)

// One client has a part of the connections only; proxies are no clients. (Only Linux
// has all of 127.0.0.0/8.)
func TestConnectionsAreForAll(t *testing.T) {
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := NewConns(ln, 5, 2, Proxies{netip.MustParsePrefix("127.0.0.9/32")})
	accepted := make(chan net.Conn, 9)
	ended := make(chan error)
	go func() {
		for {
			conn, err := conns.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- conn
		}
	}()
	dial := func(from string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := d.DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	refused := func(conn net.Conn) {
		t.Helper()
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Error("it was not closed")
		}
	}
	dial("127.0.0.1")
	first := <-accepted
	dial("127.0.0.1")
	<-accepted
	refused(dial("127.0.0.1"))
	for range 3 { // which makes five
		dial("127.0.0.9")
		<-accepted
	}
	dial("127.0.0.2") // has to wait
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	last := <-accepted
	if from, _, _ := net.SplitHostPort(last.RemoteAddr().String()); from != "127.0.0.2" {
		t.Errorf("then comes %s", from)
	}
	_ = first.Close() // counts once
	if err := conns.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("it accepts behind its end")
	}
}
