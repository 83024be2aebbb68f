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

	"github.com/engram-sync/engram-sync/internal/server/pipe"
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
	s.sweepPages(ctx)
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
	ln        *pipe.Listener
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
		ln:     pipe.NewListener(),
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
	return p.ln.Dial(ctx)
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
