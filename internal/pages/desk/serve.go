package desk

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/engram-sync/engram-sync/internal/panics"
)

const (
	localTimeout   = 10 * time.Second
	writeTimeout   = 3 * time.Minute // a page has two
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
	endTimeout     = time.Second // the pages under way are nobody's work
)

// Serve serves until the context ends, whose cause is the error then.
func Serve(ctx context.Context, ln net.Listener, pages http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler: pages, ReadTimeout: localTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() {
		defer panics.Guard()
		failed <- srv.Serve(ln)
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if srv.Shutdown(end) != nil {
		_ = srv.Close() // of requests that go on for longer
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return context.Cause(ctx)
}
