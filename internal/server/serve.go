package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// A request has no total limit, since 50 MB over a slow line take what they
// take; each step of it has one. See also observe.
const (
	headerTimeout   = 10 * time.Second
	idleTimeout     = 2 * time.Minute
	progressTimeout = 30 * time.Second
	shutdownTimeout = 10 * time.Second
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

// Serve answers requests on ln until ctx ends, then lets the requests under way
// finish, for at most 10 seconds. It closes ln. A clean stop is nil. For TLS
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
