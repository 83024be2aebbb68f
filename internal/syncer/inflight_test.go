package syncer_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// notes are an InFlight in memory.
type notes struct {
	left []engram.ChunkID
	rest time.Duration

	noted    []engram.ChunkID
	doubtful []engram.ChunkID
	full     error
}

func (n *notes) Left() ([]engram.ChunkID, time.Duration) { return n.left, n.rest }

func (n *notes) Note(ids []engram.ChunkID) error {
	n.noted = append(n.noted, ids...)
	return n.full
}

func (n *notes) End(doubtful []engram.ChunkID) { n.doubtful = doubtful }

// An earlier run was killed while it sent two chunks. One of them shows up late: it is
// not sent again. The other one is, once it is certainly absent, and behind the rest.
func TestWhatAKilledRunSentIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := newSide(), newSide()
		late, lost, free := here.add(numbered(0)), here.add(numbered(1)), here.add(numbered(2))
		n := &notes{left: []engram.ChunkID{late, lost}, rest: 40 * time.Second}
		time.AfterFunc(5*time.Second, func() {
			there.mu.Lock()
			defer there.mu.Unlock()
			there.add(numbered(0))
		})
		began := time.Now()
		waited := 0
		result := syncer.Run(t.Context(), look(t, here, there, nil), syncer.Options{
			Push: true, Concurrency: 1, InFlight: n, Notify: func(time.Duration, string) { waited++ },
		})
		want := []engram.ChunkID{free, lost}
		if !slices.Equal(there.tried, want) || !slices.Equal(n.noted, want) || len(n.doubtful) > 0 {
			t.Errorf("sent %v, noted %v, left in doubt %v, want %v", there.tried, n.noted, n.doubtful, want)
		}
		if len(result.Present) != 1 || result.Present[0].Local != late || len(result.Moved) != 2 || len(result.Failed) > 0 {
			t.Errorf("result %+v", result)
		}
		if took := time.Since(began); took != 40*time.Second || waited != 1 {
			t.Errorf("it took %v, and was told %d times", took, waited)
		}
	})
}

// What is in doubt when a run ends is kept: what it may have sent, and what it did
// not come to look for.
func TestWhatIsInDoubtIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := newSide(), newSide()
		late, sent, refused := here.add(numbered(0)), here.add(numbered(1)), here.add(numbered(2))
		elsewhere := idOf(numbered(3)) // which this run has nothing to do with
		there.fail = func(id engram.ChunkID) error {
			if id == sent {
				return &engram.UncertainError{Err: errors.New("no answer")}
			}
			return errors.New("refused")
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Second, func() { cancel(errors.New("interrupted")) })
		n := &notes{left: []engram.ChunkID{late, elsewhere}, rest: 40 * time.Second}
		result := syncer.Run(ctx, look(t, here, there, nil), syncer.Options{Push: true, Concurrency: 1, InFlight: n})
		want := []engram.ChunkID{late, sent, elsewhere}
		slices.SortFunc(want, engram.ChunkID.Compare)
		if !slices.Equal(n.doubtful, want) || len(result.Failed) != 3 || slices.Contains(there.tried, late) {
			t.Errorf("left in doubt %v, want %v; %v refused; %v", n.doubtful, want, refused, result.Failed)
		}
	})
}

// What cannot be noted is not sent.
func TestWhatCannotBeNotedIsNotSent(t *testing.T) {
	here, there := newSide(), newSide()
	here.add(numbered(0))
	full := errors.New("no space left")
	result := syncer.Run(t.Context(), look(t, here, there, nil), syncer.Options{Push: true, Concurrency: 1, InFlight: &notes{full: full}})
	if len(there.tried) > 0 || len(result.Failed) != 1 || !errors.Is(result.Failed[0].Err, full) {
		t.Errorf("sent %v: %v", there.tried, result.Failed)
	}
}
