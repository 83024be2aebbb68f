package syncer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Plan gives the items that Run would move, in its order, and what it would
// find present, or failed without a try.
func Plan(s *Diff, opts Options) ([]Item, Result) {
	var items []Item
	if opts.Pull {
		items = slices.Concat(items, s.pulls(opts))
	}
	if opts.Push {
		items = slices.Concat(items, opts.choose(s.ToPush))
	}
	result := s.given(opts)
	items = slices.DeleteFunc(items, func(i Item) bool {
		err := opts.Held[i.Local]
		if err == nil || i.Direction != work.Pushed {
			return false
		}
		result.Failed = append(result.Failed, work.Failure{ID: i.ID().String(), Direction: work.Pushed, Err: err})
		return true
	})
	s.failUnreadable(opts, &result)
	if opts.Push {
		result.Failed = append(result.Failed, s.staying(opts, len(items)+len(result.Present))...)
	}
	return items, result
}

// Run moves what the comparison found missing: first the pulls, then the pushes.
// Every chunk ends in the result, as moved, present or failed.
func Run(ctx context.Context, s *Diff, opts Options) Result {
	result := s.given(opts)
	s.failCollisions(ctx, opts, &result)
	if opts.Pull {
		pull(ctx, s, opts, &result)
	}
	if opts.Push {
		s.recogniseAfterPull(ctx, result.Moved)
		s.failUnreadable(opts, &result)
		push(ctx, s, opts, &result)
		result.Failed = append(result.Failed, s.staying(opts, len(result.Moved)+len(result.Present))...)
	}
	return result
}

// staying is what a push does not send, and nothing else says. others is how much
// else went, or is there.
func (s *Diff) staying(opts Options, others int) []work.Failure {
	return append(s.LeftOut(opts, others), s.unadopted(opts, others)...)
}

// given is the part of a result that is known without moving anything.
func (s *Diff) given(opts Options) Result {
	result := Result{Present: opts.choosePairs(s.Present)}
	if opts.Pull && len(opts.Only) == 0 {
		result.Left, result.Unasked, result.Replaced = slices.Clone(s.Elsewhere), slices.Clone(s.Unasked), slices.Clone(s.Replaced)
	}
	for _, e := range s.Missing {
		if opts.wants(e.ID) {
			result.Failed = append(result.Failed, work.Failure{ID: e.ID.String(), Err: ErrNowhere})
		}
	}
	if len(opts.Only) == 0 {
		for _, f := range s.Foreign {
			result.Failed = append(result.Failed, work.Failure{ID: ForeignName(f), Err: ForeignError(f)})
		}
	}
	if opts.Pull && len(opts.Only) == 0 {
		for _, r := range s.Rejected {
			result.Failed = append(result.Failed, work.Failure{ID: r.ID, Direction: work.Pulled, Err: fmt.Errorf("the remote lists it: %w", r.Err)})
		}
	}
	return result
}

// pulls are the items that a pull is about, in its order. Who names a chunk wants it,
// whosever it is.
func (s *Diff) pulls(opts Options) []Item {
	if len(opts.Only) == 0 {
		return inTurn(s.ToPull, s.There)
	}
	return inTurn(opts.choose(slices.Concat(s.ToPull, s.Elsewhere, itemsOf(s.Replaced))), s.There)
}

func itemsOf(replaced []Replacement) (items []Item) {
	for _, r := range replaced {
		items = append(items, r.Item)
	}
	return items
}

// ForeignName is what to call an entry of the directory that is not engram's.
func ForeignName(r engram.RejectedEntry) string {
	return cmp.Or(r.ID, fmt.Sprintf("entry %d", r.Place+1))
}

// ForeignError is how such an entry fails.
func ForeignError(r engram.RejectedEntry) error {
	return fmt.Errorf("%w (entry %d): %w", ErrForeign, r.Place+1, r.Err)
}

// failUnreadable adds the chunks that cannot be projected, so that nothing of
// them can be pushed.
func (s *Diff) failUnreadable(opts Options, result *Result) {
	for _, id := range s.Unreadable() {
		if opts.Push && opts.wants(id) {
			result.Failed = append(result.Failed, work.Failure{ID: id.String(), Direction: work.Pushed, Err: s.Projected[id].Err})
		}
	}
}

// outcome is how one item ended.
type outcome struct {
	local engram.ChunkID // the id here, once that is known
	bytes int64
	// stored is the id there of what was sent.
	stored engram.ChunkID
	err    error
	// restored: a chunk that an old client reduced was restored.
	restored bool
	// present: it is here already, in another form.
	present bool
}

// mover moves an item. It may leave the network before it ends: what waits for the disk
// then holds up nobody who could load.
type mover func(ctx context.Context, item Item, leave func()) outcome

// transfer moves items, several at once, and gives their outcomes in the order
// of the items. One that fails does not stop the others, unless its error is
// fatal or the context ends: then those that have not begun are not tried.
func transfer(ctx context.Context, way work.Direction, items []Item, opts Options, move mover) []outcome {
	opts.Report.Tell(work.Event{Kind: work.EventPlan, Direction: way, Items: len(items)})
	outcomes := make([]outcome, len(items))
	stages := map[int][]int{} // the indexes of the items of each stage
	for i, item := range items {
		stages[item.Stage] = append(stages[item.Stage], i)
	}
	trying, stop := context.WithCancelCause(ctx) // for what has not begun; the rest goes on
	defer stop(nil)
	for _, stage := range slices.Sorted(maps.Keys(stages)) { // each needs what the ones before brought
		work.EachLeaving(stages[stage], opts.Concurrency, opts.Report, func(i int, leave func()) {
			if trying.Err() != nil {
				outcomes[i].err = fmt.Errorf("%w: %w", ErrNotTried, context.Cause(trying))
				return
			}
			outcomes[i] = protect(func() outcome { return move(ctx, items[i], leave) })
			if err := outcomes[i].err; err != nil && opts.fatal(err) {
				stop(err)
			}
		})
	}
	return outcomes
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

// collect turns outcomes into a result.
func (r *Result) collect(items []Item, outcomes []outcome) {
	for i, item := range items {
		if err := outcomes[i].err; err != nil {
			r.Failed = append(r.Failed, work.Failure{ID: item.ID().String(), Direction: item.Direction, Err: err})
			continue
		}
		item.Local = outcomes[i].local
		if outcomes[i].present {
			r.Present = append(r.Present, Pair{item.Local, item.Remote})
			continue
		}
		r.Moved = append(r.Moved, Moved{Item: item, Bytes: outcomes[i].bytes, Restored: outcomes[i].restored})
	}
}
