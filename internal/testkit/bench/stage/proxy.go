package stage

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy stands for the distance to a server: what goes in comes out after half a round trip, in each
// direction, and a connection takes a round trip to be made. It passes on as many bytes at a time as it
// gets, so that a distance costs time and no bandwidth.
type Proxy struct {
	URL string // of the proxy, for a client

	ln     net.Listener
	half   time.Duration
	target atomic.Pointer[string]
	stop   context.CancelFunc
	conns  sync.WaitGroup
}

// NewProxy starts one. It leads nowhere before To.
func NewProxy(ctx context.Context, roundTrip time.Duration) (*Proxy, error) {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	p := &Proxy{URL: "http://" + ln.Addr().String(), ln: ln, half: roundTrip / 2, stop: stop}
	go p.accept(ctx)
	return p, nil
}

// To lets the connections that come from now on lead to the server at this URL, whose scheme the
// proxy's own takes on.
func (p *Proxy) To(server string) error {
	u, err := url.Parse(server)
	if err != nil {
		return fmt.Errorf("lead a proxy to a server: %w", err)
	}
	p.URL = u.Scheme + "://" + p.ln.Addr().String()
	p.target.Store(&u.Host)
	return nil
}

// Close ends the proxy and all of its connections.
func (p *Proxy) Close() {
	p.stop()
	_ = p.ln.Close() // nobody comes any more
	p.conns.Wait()
}

func (p *Proxy) accept(ctx context.Context) {
	for {
		near, err := p.ln.Accept()
		if err != nil {
			return // closed
		}
		p.conns.Add(1)
		go func() {
			defer p.conns.Done()
			p.join(ctx, near)
		}()
	}
}

// join connects a client with the server until one of them is gone.
func (p *Proxy) join(ctx context.Context, near net.Conn) {
	defer func() { _ = near.Close() }()
	target := p.target.Load()
	if target == nil {
		return
	}
	var dialer net.Dialer
	far, err := dialer.DialContext(ctx, "tcp", *target)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
	if !pause(ctx, 2*p.half) { // the handshake
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		p.carry(ctx, near, far)
		_ = near.(*net.TCPConn).CloseWrite()
	}()
	p.carry(ctx, far, near)
	_ = far.(*net.TCPConn).CloseWrite() // answers under way still come
	<-back
}

// parcel is a piece of a stream, and when it arrives.
type parcel struct {
	bytes []byte
	due   time.Time
}

// window is how many pieces of up to 64 KB may be under way: a connection that has been open for a
// while carries that much.
const window, piece = 256, 64 << 10

// carry takes what src sends to dst, half a round trip later.
func (p *Proxy) carry(ctx context.Context, dst, src net.Conn) {
	road := make(chan parcel, window)
	go func() {
		defer close(road)
		buf := make([]byte, piece)
		for {
			n, err := src.Read(buf)
			if n > 0 {
				select {
				case road <- parcel{bytes.Clone(buf[:n]), time.Now().Add(p.half)}:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	for next := range road {
		if !pause(ctx, time.Until(next.due)) {
			continue
		}
		if _, err := dst.Write(next.bytes); err != nil {
			_ = src.Close() // nobody listens any more: the reader ends
		}
	}
}

// pause waits, and says whether it did to the end.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
