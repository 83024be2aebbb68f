package syncer

import (
	"context"
	"fmt"
	"slices"

	"github.com/engram-sync/engram-sync/internal/work"
)

// Plan gives the items that Run would move, in its order, and what it would
// find present, or failed without a try.
func Plan(s *Diff, opts Options) ([]Item, Result) {
	var items []Item
	if opts.Pull {
		items = slices.Concat(items, opts.choose(s.ToPull))
	}
	if opts.Push {
		items = slices.Concat(items, opts.choose(s.ToPush))
	}
	result := s.given(opts)
	s.failUnreadable(opts, &result)
	return items, result
}

// Run moves what the comparison found missing: first the pulls, then the pushes.
// Every chunk ends in the result, as moved, present, adopted or failed.
func Run(ctx context.Context, s *Diff, opts Options) Result {
	result := s.given(opts)
	if opts.Pull {
		pull(ctx, s, opts, &result)
	}
	if opts.Push {
		s.failUnreadable(opts, &result)
		push(ctx, s, opts, &result)
		s.reportLeftOut(opts, &result)
	}
	return result
}

// given is the part of a result that is known without moving anything.
func (s *Diff) given(opts Options) Result {
	result := Result{Present: opts.choose(s.Present)}
	for _, e := range s.Missing {
		if opts.wants(e.ID) {
			result.Failed = append(result.Failed, work.Failure{ID: e.ID.String(), Err: ErrNowhere})
		}
	}
	if opts.Pull && len(opts.Only) == 0 {
		for _, r := range s.Rejected {
			result.Failed = append(result.Failed, work.Failure{ID: r.ID, Direction: work.Pulled, Err: fmt.Errorf("the remote lists it: %w", r.Err)})
		}
	}
	return result
}

// failUnreadable adds the chunks that cannot be projected, so that nothing of
// them can be pushed.
func (s *Diff) failUnreadable(opts Options, result *Result) {
	for _, id := range s.unreadable() {
		if opts.Push && opts.wants(id) {
			result.Failed = append(result.Failed, work.Failure{ID: id.String(), Direction: work.Pushed, Err: s.projected[id].Err})
		}
	}
}
