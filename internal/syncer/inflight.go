package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/arrival"
	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// InFlight remembers on disk which chunks are being sent, so that the run after one
// that was killed looks for them before it sends them again.
type InFlight interface {
	// Left are the chunks of which an earlier run did not see whether they arrived, and
	// how long it takes until those that the remote does not list are certainly absent.
	Left() (ids []engram.ChunkID, rest time.Duration)
	// Note adds chunks. They are durable when it returns.
	Note(ids []engram.ChunkID) error
	// End forgets all chunks but these.
	End(doubtful []engram.ChunkID)
}

// noteAhead is how many chunks are noted at once: a sync to disk for each of many
// small ones would take longer than a tenth of sending it.
const noteAhead = 16

// flight is what a push notes of its items before it sends them. Without an InFlight
// it is nothing.
type flight struct {
	InFlight
	late map[engram.ChunkID]bool // what an earlier run may have sent

	mu    sync.Mutex
	ahead []engram.ChunkID // what is not noted yet, in the order of sending
	noted map[engram.ChunkID]bool
}

// newFlight parts the items that an earlier run may have sent from the others.
func newFlight(notes InFlight, items []Item) (f *flight, free, late []Item) {
	f = &flight{InFlight: notes, late: map[engram.ChunkID]bool{}, noted: map[engram.ChunkID]bool{}}
	if notes == nil {
		return f, items, nil
	}
	left, _ := notes.Left()
	for _, id := range left {
		f.late[id] = true
	}
	for _, item := range items {
		if f.late[item.Remote] {
			late = append(late, item)
		} else {
			free = append(free, item)
		}
	}
	f.expect(free)
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

// expect says what is sent next.
func (f *flight) expect(items []Item) {
	for _, item := range items {
		f.ahead = append(f.ahead, item.Remote)
	}
}

// note returns when it is on disk that the item is about to be sent.
func (f *flight) note(item Item) error {
	if f.InFlight == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.noted[item.Remote] && len(f.ahead) > 0 {
		next := f.ahead[:min(noteAhead, len(f.ahead))]
		if err := f.Note(next); err != nil {
			return err
		}
		for _, id := range next {
			f.noted[id] = true
		}
		f.ahead = f.ahead[len(next):]
	}
	return nil
}

// end forgets what is known of what was sent. Nobody knows of an item whose outcome
// is unknown, nor of one of an earlier run that this one did not come to.
func (f *flight) end(items []Item, outcomes []outcome) {
	if f.InFlight == nil {
		return
	}
	for i, item := range items {
		err := outcomes[i].err
		f.late[item.Remote] = errors.Is(err, engram.ErrOutcomeUnknown) || f.late[item.Remote] && errors.Is(err, ErrNotTried)
	}
	var doubtful []engram.ChunkID
	for id, is := range f.late {
		if is {
			doubtful = append(doubtful, id)
		}
	}
	slices.SortFunc(doubtful, engram.ChunkID.Compare)
	f.End(doubtful)
}

// pushLate moves what an earlier run may have sent: it looks until each item is there,
// or certainly absent, and sends only those, and what may have to stand behind them. What
// it finds is present.
func (p *pusher) pushLate(ctx context.Context, late, behind []Item) (present []Pair, sent []Item, outcomes []outcome) {
	absent, err := p.lookFor(ctx, late)
	for _, item := range late {
		if !slices.ContainsFunc(absent, func(other Item) bool { return other.Remote == item.Remote }) {
			present = append(present, Pair{item.Local, item.Remote})
			delete(p.flight.late, item.Remote)
		}
	}
	sent = slices.Concat(absent, behind)
	if err == nil {
		p.flight.expect(absent)
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
	_, rest := p.flight.Left()
	err = cancellable.Poll(ctx, rest, waiting, func() bool {
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
