package syncer_test

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/syncer"
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

// A chunk that was restored from what one remote had, and another that lists the true
// one: that comes, and the restored one is never sent there, neither by the run that
// brings it nor by one that only pushes. The same where the other has no more either,
// and on a machine that has the restored one by git.
func TestRestoredChunkIsNotSentWhereTheTrueOneIs(t *testing.T) {
	const (
		content = `{"sessions":[],"observations":[{"sync_id":"obs-7","session_id":"s","type":"note","title":"T",` +
			`"content":"C","scope":"project","created_at":"2026-11-22 09:10:00"}],"prompts":null}`
		left = `{"sessions":[],"observations":[{"session_id":"s","type":"note","title":"T","content":"C","scope":"project"}],"prompts":null}`
	)
	original := idOf(content)
	text, _, err := mend.Restore(original, strings.NewReader(left))
	if err != nil {
		t.Fatal(err)
	}
	restored := engram.IDOf(sha256.Sum256(text))
	byGit := engram.ChunkEntry{ID: restored, CreatedBy: "vm", CreatedAt: "2026-11-25T10:00:00Z"} // by another server's clock
	for name, c := range map[string]struct {
		here    engram.ChunkEntry
		known   aliases // of the other remote
		reduced bool
		twins   int
	}{
		"restored by this machine":                {here: entryOf(restored), known: aliases{original: restored}, twins: 1},
		"restored by it at another time":          {here: byGit, known: aliases{original: restored}, twins: 1},
		"restored by another machine":             {here: byGit, twins: 1},
		"the second has no more, this machine":    {here: entryOf(restored), known: aliases{original: restored}, reduced: true},
		"the second has no more, another machine": {here: byGit, reduced: true},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := newSide(), newSide()
			here.content[restored], here.entries = string(text), []engram.ChunkEntry{c.here}
			ours := here.add(numbered(1))
			there.add(content)
			if c.reduced {
				there.reduced = map[engram.ChunkID]string{original: left}
			}
			known := twoRemotes{aliases: aliases{}, first: c.known}
			if pushes := look(t, here, there, known).Pushes(); !slices.Equal(pushes, []engram.ChunkID{ours}) {
				t.Errorf("a push alone would send %v", pushes)
			}
			result := syncer.Run(t.Context(), look(t, here, there, known), both)
			if len(result.Moved) != 2 || result.Moved[0].Remote != original || result.Moved[1].Local != ours || len(result.Failed) > 0 {
				t.Errorf("moved %v, failed %v", movedIDs(result), result.Failed)
			}
			if _, sent := there.content[restored]; sent {
				t.Error("the restored one was sent")
			}
			diff := look(t, here, there, known)
			if !diff.Clean() || len(diff.Twins) != c.twins {
				t.Errorf("afterwards: to push %v, to pull %v, twins %v", diff.ToPush, diff.ToPull, diff.Twins)
			}
		})
	}
}

// twoRemotes are the aliases of one remote beside those of another.
type twoRemotes struct {
	aliases
	first aliases
}

func (a twoRemotes) Restored(id engram.ChunkID) (engram.ChunkID, bool) {
	if local, ok := a.Local(id); ok {
		return local, true
	}
	return a.first.Local(id)
}
