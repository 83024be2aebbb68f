package pages

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/panics"
)

const (
	// patience is how long pages wait for a look at their source, from when it began.
	patience = 5 * time.Second
	// rest is how many times as long as a look took none follows.
	rest = 10
)

// Fresh keeps an index up to date while pages of it are shown, looking no more often than every, and one time after the other.
type Fresh struct {
	index *memoryindex.Index
	src   memoryindex.Source
	every time.Duration
	opts  memoryindex.Options
	ctx   context.Context // of all looks: what one page has begun is of use to the next, whoever leaves
	stop  context.CancelFunc

	mu     sync.Mutex
	look   *look // that is under way, nil without one
	due    time.Time
	failed []memoryindex.Failure
	err    error
}

// look is one update.
type look struct {
	began    time.Time
	ended    chan struct{}
	of, read atomic.Int64 // chunks
}

// NewFresh begins to keep an index up to date, until ctx ends or it is stopped. AtOnce and Turn of opts count.
func NewFresh(ctx context.Context, index *memoryindex.Index, src memoryindex.Source, every time.Duration, opts memoryindex.Options) *Fresh {
	ctx, stop := context.WithCancel(ctx)
	return &Fresh{index: index, src: src, every: every, opts: opts, ctx: ctx, stop: stop}
}

// Looked tells of an update from elsewhere just now, and of what could not be read then.
func (f *Fresh) Looked(failed []memoryindex.Failure) {
	f.failed, f.due = failed, time.Now().Add(f.every)
}

// StillReading says that the index will have more than it has.
type StillReading struct{ Read, Of int64 } // chunks

func (e *StillReading) Error() string {
	if e.Of == 0 {
		return "new chunks are still looked for, so load the page again in a moment"
	}
	return fmt.Sprintf("%d of %d new chunks are read so far, so load the page again in a moment", e.Read, e.Of)
}

// Refresh is a Place.Refresh. Where a look takes longer than a page can wait, it goes on, and the error is a *StillReading.
func (f *Fresh) Refresh(ctx context.Context) ([]memoryindex.Failure, error) {
	f.mu.Lock()
	at := f.look
	if at == nil && !time.Now().Before(f.due) {
		at = &look{began: time.Now(), ended: make(chan struct{})}
		f.look = at
		go func() {
			defer panics.Guard()
			f.update(at)
		}()
	}
	f.mu.Unlock()
	if at != nil {
		wait := time.NewTimer(time.Until(at.began.Add(patience)))
		defer wait.Stop()
		select {
		case <-at.ended:
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.look != nil {
		return f.failed, &StillReading{at.read.Load(), at.of.Load()}
	}
	return f.failed, f.err
}

// update looks once.
func (f *Fresh) update(at *look) {
	opts := f.opts
	opts.Plan = func(chunks int) { at.of.Store(int64(chunks)) }
	opts.Done = func() { at.read.Add(1) }
	failed, err := f.index.Update(f.ctx, f.src, opts)
	f.mu.Lock()
	defer f.mu.Unlock()
	defer close(at.ended)
	if f.err = err; err == nil {
		f.failed = failed
	}
	f.look, f.due = nil, time.Now().Add(max(f.every, rest*time.Since(at.began)))
}

// Stop ends the looks, and waits for the one under way.
func (f *Fresh) Stop() {
	f.stop()
	f.mu.Lock()
	at := f.look
	f.mu.Unlock()
	if at != nil {
		<-at.ended
	}
}
