package syncer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// outcome is how one item ended.
type outcome struct {
	local engram.ChunkID // the id here, once that is known
	bytes int64
	err   error
}

// transfer moves items, several at once, and gives their outcomes in the order
// of the items. One that fails does not stop the others, unless its error is
// fatal or the context ends: then those that have not begun are not tried.
func transfer(ctx context.Context, way Direction, items []Item, opts Options, move func(context.Context, Item) outcome) []outcome {
	opts.report(Event{Kind: EventPlan, Direction: way, Items: len(items)})
	outcomes := make([]outcome, len(items))
	var stop stopper
	wave := 0
	var group errgroup.Group
	group.SetLimit(max(1, opts.Concurrency))
	for _, i := range byWave(items) {
		item := items[i]
		if item.Wave > wave {
			_ = group.Wait() // for what this one needs
			wave = item.Wave
		}
		group.Go(func() error {
			out := outcome{err: stop.cause(ctx)}
			if out.err == nil {
				out = protect(func() outcome { return move(ctx, item) })
			}
			outcomes[i] = out
			if out.err != nil && opts.Fatal != nil && opts.Fatal(out.err) {
				stop.set(out.err)
			}
			opts.report(Event{Kind: EventDone, Item: item, Err: out.err})
			return nil
		})
	}
	_ = group.Wait() // no worker returns an error: each item has its own
	return outcomes
}

// byWave gives the indexes of the items in the order in which they move.
func byWave(items []Item) []int {
	order := make([]int, len(items))
	for i := range items {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(items[a].Wave, items[b].Wave) })
	return order
}

// protect turns a panic of one worker into the failure of its item: it would
// end the program in the middle of the others.
func protect(move func() outcome) (out outcome) {
	defer func() {
		if r := recover(); r != nil {
			out = outcome{err: fmt.Errorf("internal error: %v", r)}
		}
	}()
	return move()
}

// stopper remembers the first error that makes going on pointless.
type stopper struct {
	mu  sync.Mutex
	err error
}

func (s *stopper) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *stopper) cause(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrNotTried, context.Cause(ctx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return fmt.Errorf("%w: %w", ErrNotTried, s.err)
	}
	return nil
}

// watch lets the reporter hear how a chunk goes through.
func (o Options) watch(c *engram.Chunk) {
	if c.SizeHint > 0 {
		o.report(Event{Kind: EventSize, Bytes: c.SizeHint})
	}
	c.Progress = func(n int) { o.report(Event{Kind: EventBytes, Bytes: int64(n)}) }
}

// collect turns outcomes into a result.
func (r *Result) collect(items []Item, outcomes []outcome) {
	for i, item := range items {
		if err := outcomes[i].err; err != nil {
			r.fail(item, err)
			continue
		}
		item.Local = outcomes[i].local
		r.Moved = append(r.Moved, Moved{Item: item, Bytes: outcomes[i].bytes})
	}
}

func (r *Result) fail(item Item, err error) {
	r.Failed = append(r.Failed, Failure{ID: item.ID().String(), Direction: item.Direction, Err: err})
}
