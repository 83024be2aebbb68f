package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/arrival"
	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/inflight"
	"github.com/engram-sync/engram-sync/internal/work"
)

// newFlight parts the items that an earlier run may have sent from the others.
func newFlight(notes inflight.Notes, items []Item) (f *inflight.Flight, free, late []Item) {
	f = inflight.Begin(notes)
	for _, item := range items {
		if f.Late(item.Remote) {
			late = append(late, item)
		} else {
			f.Expect(item.Remote)
			free = append(free, item)
		}
	}
	return f, free, late
}

// apartFrom parts items from those that have to go behind late ones, and go together with
// them, in their stages.
func apartFrom(late, items []Item, order *arrival.Order) (free, behind []Item) {
	if len(late) == 0 {
		return items, nil
	}
	var ids []engram.ChunkID
	for _, item := range late {
		ids = append(ids, item.Local)
	}
	isBehind := order.Behind(ids)
	for _, item := range slices.SortedStableFunc(slices.Values(items), func(a, b Item) int { return cmp.Compare(a.Stage, b.Stage) }) {
		if isBehind(item.Local) {
			behind = append(behind, item)
		} else {
			free = append(free, item)
		}
	}
	return free, behind
}

// settle notes how items have ended. Nobody knows of one whose outcome is unknown, nor of
// one of an earlier run that this one did not come to.
func (p *pusher) settle(items []Item, outcomes []outcome) {
	for i, item := range items {
		err, id := outcomes[i].err, item.Remote
		p.flight.Settle(id, errors.Is(err, engram.ErrOutcomeUnknown) || p.flight.Late(id) && errors.Is(err, ErrNotTried))
	}
	p.flight.End()
}

// pushLate moves what an earlier run may have sent: it looks until each item is there,
// or certainly absent, and sends only those, and what may have to stand behind them. What
// it finds is present.
func (p *pusher) pushLate(ctx context.Context, late, behind []Item) (present []Pair, sent []Item, outcomes []outcome) {
	absent, err := p.lookFor(ctx, late)
	for _, item := range late {
		if !slices.ContainsFunc(absent, func(other Item) bool { return other.Remote == item.Remote }) {
			present = append(present, Pair{item.Local, item.Remote})
			p.flight.Settle(item.Remote, false)
		}
	}
	sent = slices.Concat(absent, behind)
	if err == nil {
		for _, item := range absent {
			p.flight.Expect(item.Remote)
		}
		return present, sent, transfer(ctx, work.Pushed, sent, p.opts, p.push)
	}
	for range sent {
		outcomes = append(outcomes, outcome{err: fmt.Errorf("%w: %w", ErrNotTried, err)})
	}
	return present, sent, outcomes
}

// lookFor gives the items that the remote does not list, which are certainly absent
// where there is no error.
func (p *pusher) lookFor(ctx context.Context, late []Item) (absent []Item, err error) {
	absent = late
	var lookErr error
	waiting := func(rest time.Duration) {
		if p.opts.Notify != nil {
			p.opts.Notify(rest, fmt.Sprintf("an earlier run did not see whether the server stored the last chunks: looking for %d of them", len(absent)))
		}
	}
	err = cancellable.Poll(ctx, p.flight.Rest(), waiting, func() bool {
		var there *engram.Manifest
		if there, lookErr = p.remote.ReadManifest(ctx); lookErr != nil {
			return p.opts.fatal(lookErr)
		}
		absent = slices.DeleteFunc(slices.Clone(absent), func(item Item) bool { return there.Has(item.Remote) })
		return len(absent) == 0
	})
	if err == nil && lookErr != nil {
		err = fmt.Errorf("an earlier run may have sent it, and looking for it failed: %w", lookErr)
	}
	return absent, err
}
