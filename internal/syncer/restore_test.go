package syncer_test

import (
	"slices"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// A chunk here that is looked into, since the remote has one of the same time, may hold
// anything: that stops no other.
func TestOddChunkStopsNoComparison(t *testing.T) {
	here, there := newSide(), newSide()
	odd := here.add(`{"observations":[{"created_at":7}]}`)
	gone := here.add(numbered(1))
	here.unreadable = map[engram.ChunkID]bool{gone: true}
	there.add(numbered(2))
	diff := look(t, here, there, nil)
	if len(diff.ToPull) != 1 || !slices.Equal(diff.Pushes(), []engram.ChunkID{odd, gone}) {
		t.Errorf("to pull %v, to push %v", diff.ToPull, diff.Pushes())
	}
}

// All ids of a project server are others, and no old client has pushed there: whoever
// looked for restored chunks would read the whole directory on every run.
func TestRestoredChunksAreNotSoughtOnProjectServers(t *testing.T) {
	here, there := newSide(), newSide()
	id := here.add(numbered(1))
	there.add(`{"part":1}`)
	p := &projector{parts: map[engram.ChunkID][]string{id: {`{"part":1}`}}}
	if diff := lookThrough(t, here, there, p); !diff.Clean() || here.opened > 0 {
		t.Errorf("%d chunks opened; to pull %v, to push %v", here.opened, diff.ToPull, diff.ToPush)
	}
}
