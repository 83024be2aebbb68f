package pages

import (
	"context"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

// Fresh is a Place.Refresh that looks no more often than every, and the first time that long from now. failed are the chunks that
// could not be read until then; atOnce is how many are read at once. ctx is that of the command.
func Fresh(ctx context.Context, index *memoryindex.Index, src memoryindex.Source, failed []memoryindex.Failure, every time.Duration, atOnce int) func(context.Context) ([]memoryindex.Failure, error) {
	f := &fresh{ctx: ctx, index: index, src: src, every: every, atOnce: atOnce, failed: failed, at: time.Now()}
	return f.refresh
}

// fresh keeps an index up to date, looking no more often than every.
type fresh struct {
	ctx    context.Context // of the command: what one page has begun is of use to the next, whoever leaves
	index  *memoryindex.Index
	src    memoryindex.Source
	every  time.Duration
	atOnce int

	mu     sync.Mutex
	at     time.Time // of the last look
	failed []memoryindex.Failure
	err    error
}

func (f *fresh) refresh(context.Context) ([]memoryindex.Failure, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.at) < f.every {
		return f.failed, f.err
	}
	failed, err := f.index.Update(f.ctx, f.src, memoryindex.Options{AtOnce: f.atOnce})
	if f.err = err; err == nil {
		f.failed = failed
	}
	f.at = time.Now()
	return f.failed, f.err
}
