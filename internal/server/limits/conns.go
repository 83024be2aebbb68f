package limits

import (
	"net"
	"net/netip"
	"sync"
)

// Conns is a listener that has only so many connections open at once: with more, it waits to
// accept. Of one client it has a part of them only, and closes the ones beyond that. Proxies, through
// which many come, are no clients.
type Conns struct {
	net.Listener
	each    int
	proxies Proxies
	places  chan struct{}

	mu   sync.Mutex
	open map[string]int // by client
	once sync.Once
	done chan struct{} // closed by Close
}

// NewConns makes one of which all are open at once, each at most of one client.
func NewConns(ln net.Listener, all, each int, proxies Proxies) *Conns {
	return &Conns{
		Listener: ln, each: each, proxies: proxies, places: make(chan struct{}, all),
		open: map[string]int{}, done: make(chan struct{}),
	}
}

// Accept implements net.Listener.
func (c *Conns) Accept() (net.Conn, error) {
	for {
		select {
		case c.places <- struct{}{}:
		case <-c.done:
			return nil, net.ErrClosed
		}
		conn, err := c.Listener.Accept()
		if err != nil {
			<-c.places
			return nil, err
		}
		client := c.clientOf(conn)
		if c.enter(client) {
			return &countedConn{Conn: conn, leave: sync.OnceFunc(func() { c.leave(client) })}, nil
		}
		_ = conn.Close() // nobody hears of it
		<-c.places
	}
}

// Close implements net.Listener.
func (c *Conns) Close() error {
	c.once.Do(func() { close(c.done) })
	return c.Listener.Close()
}

// clientOf is "" for a proxy, and whoever is not limited.
func (c *Conns) clientOf(conn net.Conn) string {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return ""
	}
	at := peer.Addr().Unmap().WithZone("")
	if c.proxies.Has(at) {
		return ""
	}
	return Client(at.String())
}

func (c *Conns) enter(client string) bool {
	if client == "" {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[client] >= c.each {
		return false
	}
	c.open[client]++
	return true
}

func (c *Conns) leave(client string) {
	<-c.places
	if client == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[client]--; c.open[client] == 0 {
		delete(c.open, client)
	}
}

type countedConn struct {
	net.Conn
	leave func()
}

func (c *countedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
