package wiretest

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
)

// Loopback listens there until the test ends.
func Loopback(t testing.TB) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// Replay is a listener on loopback that gives each connection what was recorded, as
// soon as a request has come, and closes it.
type Replay struct {
	Addr string

	mu   sync.Mutex
	seen []string
}

// Seen are the request lines that came, with the authorization for proxies.
func (r *Replay) Seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.seen...)
}

// NewReplay starts one with the recording in a file; "" hangs up without a word.
func NewReplay(t testing.TB, path string) *Replay {
	t.Helper()
	var answer []byte
	if path != "" {
		var err error
		if answer, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	listener := Loopback(t)
	r := &Replay{Addr: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go r.answer(conn, answer)
		}
	}()
	return r
}

func (r *Replay) answer(conn net.Conn, answer []byte) {
	defer func() { _ = conn.Close() }()
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, req.Body)
	r.mu.Lock()
	r.seen = append(r.seen, req.Method+" "+req.RequestURI+" "+req.Header.Get("Proxy-Authorization"))
	r.mu.Unlock()
	_, _ = conn.Write(answer)
}

// HangsUpOnHTTP is a listener that speaks TLS, and closes what is something else
// without a word.
func HangsUpOnHTTP(t testing.TB, certificate tls.Certificate) (addr string) {
	t.Helper()
	listener := Loopback(t)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				if first, err := in.Peek(1); err == nil && first[0] == 0x16 {
					_ = tls.Server(&readConn{conn, in}, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake() //nolint:noctx // it ends with the listener
					return
				}
				_, _ = http.ReadRequest(in)
			}()
		}
	}()
	return listener.Addr().String()
}

type readConn struct {
	net.Conn
	in io.Reader
}

func (c *readConn) Read(p []byte) (int, error) { return c.in.Read(p) }
