package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engram-sync/engram-sync/internal/place"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// minFree is how much room for short-lived files a server needs on its disk: for the largest
// request, and some more.
const minFree = 128 << 20

// readyAge is how long an answer about readiness holds: each one writes to the disk, and anybody may ask.
const readyAge = 2 * time.Second

// errDraining says that a server ends: it only finishes what it has begun.
var errDraining = errors.New("the server is stopping")

// readiness knows whether a server can do its work. Its methods are safe for concurrent use.
type readiness struct {
	store store.Store
	dir   string // of short-lived files
	now   func() time.Time

	damaged  atomic.Bool // a request met damage: that does not pass
	draining atomic.Bool

	mu    sync.Mutex
	asked time.Time
	last  error
}

// met takes note of an error that a request ended with.
func (r *readiness) met(err error) {
	if errors.Is(err, store.ErrDamaged) {
		r.damaged.Store(true)
	}
}

// alive says whether the server is of use: it can read.
func (r *readiness) alive(ctx context.Context) error {
	if r.damaged.Load() {
		return store.ErrDamaged
	}
	err := r.store.Ping(ctx)
	r.met(err)
	return err
}

// check says whether the server can also keep what it is sent, now or a moment ago.
func (r *readiness) check(ctx context.Context) error {
	if r.draining.Load() {
		return errDraining
	}
	if r.damaged.Load() {
		return store.ErrDamaged
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); r.asked.IsZero() || now.Sub(r.asked) >= readyAge || now.Before(r.asked) {
		err := r.probe(context.WithoutCancel(ctx)) // for others, too
		r.asked, r.last = now, err
		r.met(err)
	}
	return r.last
}

// probeTimeout bounds what a probe waits for.
const probeTimeout = 5 * time.Second

func (r *readiness) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	switch free, err := place.Free(r.dir); {
	case errors.Is(err, place.ErrUnknown): // then the write below has to tell
	case err != nil:
		return fmt.Errorf("ask for the room in %s: %w", r.dir, err)
	case free < minFree:
		return fmt.Errorf("%w: %d MB are free in %s", store.ErrFull, free>>20, r.dir)
	}
	return r.store.Ready(ctx)
}

// stateOf is what strangers get to know of why a server is not ready.
func stateOf(err error) string {
	switch {
	case errors.Is(err, errDraining):
		return "stopping"
	case errors.Is(err, store.ErrDamaged):
		return "damaged"
	case errors.Is(err, store.ErrFull):
		return "full"
	}
	return "unavailable"
}
