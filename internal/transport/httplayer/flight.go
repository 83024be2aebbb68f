package httplayer

import (
	"context"
	"time"
)

// flight lets many ask for the same piece of work, and one at a time do it. Those
// who waited for it get what came of it, the failure as well: they would not fare
// better. Who waits can be cancelled, which is why it is not a mutex.
type flight struct {
	slot     chan struct{} // of one
	failed   error         // of the last work that failed
	failedAt time.Time
}

func newFlight() *flight { return &flight{slot: make(chan struct{}, 1)} }

// alone runs do while nobody else is in the flight.
func (f *flight) alone(ctx context.Context, do func()) error {
	select {
	case f.slot <- struct{}{}:
		defer func() { <-f.slot }()
		do()
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// join gives what have has, or else what work makes. began is since when the
// caller has waited for it: a failure after that is its failure too.
func (f *flight) join(ctx context.Context, began time.Time, have func() (string, bool), work func() (string, error)) (got string, err error) {
	waited := f.alone(ctx, func() {
		var ok bool
		if got, ok = have(); ok {
			return
		}
		if f.failed != nil && !began.After(f.failedAt) {
			err = f.failed
			return
		}
		if got, err = work(); err != nil && ctx.Err() == nil {
			f.failed, f.failedAt = err, time.Now()
		}
	})
	if waited != nil {
		return "", waited
	}
	return got, err
}
