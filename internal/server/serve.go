package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// A request has no total limit, since 50 MB over a slow line take what they
// take; each step of it has one. See also observe.
const (
	headerTimeout   = 10 * time.Second
	idleTimeout     = 2 * time.Minute
	progressTimeout = 30 * time.Second
	shutdownTimeout = 30 * time.Second
	maxHeaderBytes  = 64 << 10
)

func (s *Server) newHTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

// Serve answers requests on ln until ctx ends and Options.Drain is over, then lets the requests
// under way finish, for at most 30 seconds. It closes ln. A clean stop is nil. For TLS
// wrap the listener with tls.NewListener.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := s.newHTTPServer()
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), srv.Close())
	case <-ctx.Done():
	}
	s.ready.draining.Store(true)
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), srv.Close())
	case <-time.After(s.drain):
	}
	err := shutdown(srv)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve: %w", served))
	}
	return err
}

// shutdown stops srv: gently, and after shutdownTimeout at once.
func shutdown(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("shut down: requests were cut off: %w", err), srv.Close())
	}
	return nil
}

// inProcess runs an http.Server over in-memory connections. It starts with the
// first connection.
type inProcess struct {
	srv       *http.Server
	ln        *pipeListener
	start     sync.Once
	served    chan error
	transport *http.Transport
}

// pipeBuffer is large since each write to a pipe waits for its reader.
const pipeBuffer = 64 << 10

// pipeIdleConns is how many idle connections the transport keeps for one host.
const pipeIdleConns = 32

func newInProcess(srv *http.Server) *inProcess {
	p := &inProcess{
		srv:    srv,
		ln:     &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})},
		served: make(chan error, 1),
	}
	p.transport = &http.Transport{
		DialContext:         p.dial,
		MaxIdleConnsPerHost: pipeIdleConns,
		ReadBufferSize:      pipeBuffer,
		WriteBufferSize:     pipeBuffer,
	}
	return p
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
	// A client that wants several connections at once may have opened one more than
	// it needed, and a server that is shut down waits for seconds on one that never
	// brought a request.
	p.transport.CloseIdleConnections()
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

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
