// Package cancellable ends a pause, a reader or a wait with its context, as
// the standard library does not. Any package may use it.
package cancellable

import (
	"context"
	"io"
	"time"

	"github.com/engram-sync/engram-sync/internal/panics"
)

// Sleep pauses, or gives the cause of the context that ended meanwhile.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Do waits for f, or gives the cause of the context that ended meanwhile. Then f
// goes on by itself: it is for what cannot be stopped.
func Do[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		defer panics.Guard()
		value, err := f()
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// Reader reads from r until the context ends, whose cause is the error then.
func Reader(ctx context.Context, r io.Reader) io.Reader { return reader{ctx, r} }

type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
