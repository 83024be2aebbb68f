package syncer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
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
func transfer(ctx context.Context, way work.Direction, items []Item, opts Options, move func(context.Context, Item) outcome) []outcome {
	opts.Report.Tell(work.Event{Kind: work.EventPlan, Direction: way, Items: len(items)})
	outcomes := make([]outcome, len(items))
	var stop stopper
	for _, stage := range stages(items) { // each needs what the ones before brought
		work.Each(stage, opts.Concurrency, opts.Report, func(i int) {
			outcomes[i].err = stop.cause(ctx)
			if outcomes[i].err == nil {
				outcomes[i] = protect(func() outcome { return move(ctx, items[i]) })
			}
			if err := outcomes[i].err; err != nil && opts.Fatal != nil && opts.Fatal(err) {
				stop.set(err)
			}
		})
	}
	return outcomes
}

// stages gives the indexes of the items of each stage, in the order in which they
// move.
func stages(items []Item) [][]int {
	of := map[int][]int{}
	for i, item := range items {
		of[item.Stage] = append(of[item.Stage], i)
	}
	var all [][]int
	for _, stage := range slices.Sorted(maps.Keys(of)) {
		all = append(all, of[stage])
	}
	return all
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

// collect turns outcomes into a result.
func (r *Result) collect(items []Item, outcomes []outcome) {
	for i, item := range items {
		if err := outcomes[i].err; err != nil {
			r.Failed = append(r.Failed, work.Failure{ID: item.ID().String(), Direction: item.Direction, Err: err})
			continue
		}
		item.Local = outcomes[i].local
		r.Moved = append(r.Moved, Moved{Item: item, Bytes: outcomes[i].bytes})
	}
}
