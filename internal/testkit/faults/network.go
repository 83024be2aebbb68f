// Package faults is what can go wrong on the wire between a client and a server, as a table (faults.go), and a
// network in memory on which it does. Only tests import it. In memory nothing takes time but what waits, so that
// in a bubble of testing/synctest minutes of outage cost nothing.
package faults

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// Address is where the server is. At every other address answers a stranger.
const Address = "127.0.0.1:80"

// Plan says when a fault strikes.
type Plan struct {
	Fault  Fault
	Main   func(*http.Request) bool // the requests that it strikes; nil: whichever comes first
	Always bool                     // it does not end after one time
}

// Network has one server in it. It is safe for concurrent use.
type Network struct {
	Handler http.Handler

	mu       sync.Mutex
	plan     *Plan
	struck   int
	requests int
	tokens   int // that a stranger got
	conns    []*conn
	closed   bool
	serving  sync.WaitGroup
}

// Plan sets what goes wrong from now on; nil is nothing.
func (n *Network) Plan(p *Plan) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.plan, n.struck, n.requests = p, 0, 0
}

// Struck is how often the fault struck.
func (n *Network) Struck() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.struck
}

// Requests is how many requests got through to the server's side.
func (n *Network) Requests() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.requests
}

// Leaked is how many tokens went to a stranger.
func (n *Network) Leaked() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tokens
}

// Close ends all connections, and returns when nothing is served any more.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	conns := n.conns
	n.mu.Unlock()
	for _, c := range conns {
		c.reset()
	}
	n.serving.Wait()
}

// DialContext connects to the server, or to a stranger.
func (n *Network) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed { // a transport may still dial for a request that has found another connection
		return nil, failed("dial", syscall.ECONNREFUSED)
	}
	p := n.plan
	down := address == Address && p != nil && p.Fault.atDial() && (p.Main == nil || n.requests > 0) && (p.Always || n.struck == 0)
	if down {
		n.struck++
		if !p.Fault.Mute {
			return nil, failed("dial", p.Fault.Dial)
		}
	}
	host, port, _ := net.SplitHostPort(address)
	_ = port
	client, server := pipe(&net.TCPAddr{IP: net.ParseIP(host), Port: 80})
	n.conns = append(n.conns, client)
	n.serving.Go(func() {
		switch {
		case down:
			server.gone()
		case address == Address:
			n.serve(server)
		default:
			n.stranger(server)
		}
		_ = server.Close()
	})
	return client, nil
}

// serve answers the requests on a connection until it ends.
func (n *Network) serve(c *conn) {
	in := bufio.NewReaderSize(c, 4<<10)
	for nth := 0; ; nth++ {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		x := &Exchange{conn: c, Request: r, handler: n.Handler}
		fault, closing := n.due(r, nth)
		switch {
		case fault != nil:
			if !fault.Do(x) {
				return
			}
		case !x.Answer().write(x) || closing:
			return
		}
	}
}

// due says whether a request is struck; closing, that the connection is not used again,
// because the server goes away after the answer.
func (n *Network) due(r *http.Request, nth int) (fault *Fault, closing bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.requests++
	p := n.plan
	switch {
	case p == nil, !p.Always && n.struck > 0:
		return nil, false
	case p.Fault.atDial():
		return nil, p.Main != nil
	case p.Main != nil && !p.Main(r), p.Fault.Reused && nth == 0:
		return nil, false
	}
	n.struck++
	return &p.Fault, false
}

// stranger says yes to everything, and looks whether it gets a token.
func (n *Network) stranger(c *conn) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	if r.Header.Get("Authorization") != "" {
		n.mu.Lock()
		n.tokens++
		n.mu.Unlock()
	}
	x := &Exchange{conn: c, Request: r}
	x.drain()
	x.say(page(http.StatusOK, "Welcome"))
}
