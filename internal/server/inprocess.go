package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// inProcess runs an http.Server over in-memory connections. It starts with the
// first connection.
type inProcess struct {
	srv    *http.Server
	ln     *pipeListener
	start  sync.Once
	served chan error

	mu         sync.Mutex
	transports []*http.Transport
}

// pipeBuffer is large since each write to a pipe waits for its reader.
const pipeBuffer = 64 << 10

// pipeIdleConns is how many idle connections the transport keeps for one host.
const pipeIdleConns = 32

func newInProcess(srv *http.Server) *inProcess {
	return &inProcess{
		srv:    srv,
		ln:     &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})},
		served: make(chan error, 1),
	}
}

func (p *inProcess) transport() *http.Transport {
	t := &http.Transport{
		DialContext:         p.dial,
		MaxIdleConnsPerHost: pipeIdleConns,
		ReadBufferSize:      pipeBuffer,
		WriteBufferSize:     pipeBuffer,
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.transports = append(p.transports, t)
	return t
}

// hangUp ends the connections that no request uses: a client that wants several
// at once may have opened one more than it needed, and a server that is shut
// down waits for seconds on one that never brought a request.
func (p *inProcess) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.transports {
		t.CloseIdleConnections()
	}
}

func (p *inProcess) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p.start.Do(func() {
		go func() { p.served <- p.srv.Serve(p.ln) }()
	})
	return p.ln.dial(ctx)
}

func (p *inProcess) close() error {
	// Where nothing was started, nothing may start any more.
	p.start.Do(func() { p.served <- http.ErrServerClosed })
	p.hangUp()
	err := errors.Join(shutdown(p.srv), p.ln.Close())
	served := <-p.served
	p.served <- served // for another close
	if !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve in the process: %w", served))
	}
	return err
}

// pipeListener is a net.Listener whose connections are net.Pipes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, fmt.Errorf("reach the server in this process: %w", net.ErrClosed)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It may be called more than once.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
