package syncer_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// listed is what the manifest of a side says, in its order.
func (s *side) listed() (ids []engram.ChunkID) {
	for _, e := range s.entries {
		ids = append(ids, e.ID)
	}
	return ids
}

// numberedSide has chunks of one second, in an order that is not that of their ids.
func numberedSide(n int) *side {
	s := newSide()
	for i := range n {
		s.add(numbered(i))
	}
	return s
}

// TestInTurn: entries come in the order of the server's list, though each chunk ends
// before the one before it, and what has one second there has it no more here.
func TestInTurn(t *testing.T) {
	here, there := newSide(), numberedSide(150)
	want := there.listed()
	ended := map[engram.ChunkID]chan struct{}{}
	for _, id := range want {
		ended[id] = make(chan struct{})
	}
	here.fail = func(id engram.ChunkID) error {
		if next := slices.Index(want, id) + 1; next < len(want) {
			<-ended[want[next]]
		}
		close(ended[id])
		return nil
	}
	diff := look(t, here, there, nil)
	said := slices.Clone(diff.There.Entries())
	syncer.Run(t.Context(), diff, syncer.Options{Pull: true, Concurrency: len(want)})
	if !slices.Equal(diff.There.Entries(), said) {
		t.Error("the manifest of the server is another")
	}
	if got := here.listed(); !slices.Equal(got, want) {
		t.Errorf("the manifest lists %v, the server %v", got[:9], want[:9])
	}
	if !slices.IsSortedFunc(here.entries, engram.ChunkEntry.Compare) {
		t.Error("the times of the entries are not in their order")
	}
}

// TestKilledPull: a run that is killed has listed nothing behind what it has not
// brought, and the next one lists all in order.
func TestKilledPull(t *testing.T) {
	here, there := newSide(), numberedSide(150)
	want := there.listed()
	killed, late := newSide(), 3
	others := make(chan struct{})
	here.fail = func(engram.ChunkID) error {
		here.mu.Lock()
		defer here.mu.Unlock()
		if len(here.content) == len(want)-pulling.Concurrency {
			close(others)
		}
		return nil
	}
	there.fail = func(id engram.ChunkID) error {
		if id == want[late] {
			<-others
			here.mu.Lock()
			defer here.mu.Unlock()
			killed.content, killed.entries = maps.Clone(here.content), slices.Clone(here.entries)
		}
		return nil
	}
	syncer.Run(t.Context(), look(t, here, there, nil), pulling)
	there.fail = nil
	if !slices.Equal(here.listed(), want) {
		t.Errorf("the manifest lists %v, the server %v", here.listed()[:9], want[:9])
	}
	if n := len(killed.entries); n > late || len(killed.content) < len(want)-pulling.Concurrency {
		t.Errorf("when it was killed, %d entries were written of %d chunks, and the fourth was not there", n, len(killed.content))
	}
	syncer.Run(t.Context(), look(t, killed, there, nil), pulling)
	if !slices.Equal(killed.listed(), want) {
		t.Errorf("the next run lists %v, the server %v", killed.listed()[:9], want[:9])
	}
}

// TestCutOff: what came before the end of an interrupted run, and stands behind what did
// not, is for the next run, which has both. What failed for itself holds up nobody.
func TestCutOff(t *testing.T) {
	stop, broken := errors.New("ctrl-c"), errors.New("broken")
	here, there := newSide(), numberedSide(6)
	want := there.listed()
	ctx, cancel := context.WithCancelCause(t.Context())
	fourth := make(chan struct{})
	there.fail = func(id engram.ChunkID) error {
		switch id {
		case want[0]:
			return broken
		case want[2]:
			<-fourth
			cancel(stop)
			return stop
		}
		return nil
	}
	here.fail = func(id engram.ChunkID) error {
		if id == want[3] {
			close(fourth)
		}
		return nil
	}
	result := syncer.Run(ctx, look(t, here, there, nil), syncer.Options{Pull: true, Concurrency: 2})
	if !slices.Equal(here.listed(), want[1:2]) {
		t.Errorf("the manifest lists %v, want the second chunk of %v", here.listed(), want)
	}
	for _, f := range result.Failed {
		if inTurn := errors.Is(f.Err, syncer.ErrNotInTurn); f.ID == want[3].String() && !inTurn || inTurn && !errors.Is(f.Err, stop) {
			t.Errorf("%s: %v", f.ID, f.Err)
		}
	}
	there.fail = nil
	here.fail = nil
	syncer.Run(t.Context(), look(t, here, there, nil), pulling)
	if got := slices.Concat(want[1:2], want[:1], want[2:]); !slices.Equal(here.listed(), got) {
		t.Errorf("the next run lists %v, want %v", here.listed(), got)
	}
}
