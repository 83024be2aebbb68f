package syncer_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// Two chunks that hash to one id.
const (
	alices = `{"sessions":[{"id":"s30771","project":"repo","directory":"/w","started_at":"2026-11-22 09:00:00"}],"observations":null,"prompts":null}`
	bobs   = `{"sessions":[{"id":"s85790","project":"repo","directory":"/w","started_at":"2026-11-22 09:00:00"}],"observations":null,"prompts":null}`
)

// TestCollisions: what the manifests say different things of is looked at once.
func TestCollisions(t *testing.T) {
	for name, c := range map[string]struct {
		there, reduced string
		received       string
		collides       bool
	}{
		"another by the same hand, that was there first": {there: alices, received: "2026-11-20T09:15:00.5Z", collides: true},
		"the same, received by a slow clock":             {there: bobs, received: "2026-11-20T09:15:00.5Z"},
		"another chunk":                                  {there: alices, collides: true},
		"the same, by another hand":                      {there: bobs},
		"the same, as an old client sent it":             {reduced: bobs},
		"another, as an old client sent it":              {reduced: alices, collides: true},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := newSide(), newSide()
			id := here.add(bobs)
			if id != idOf(alices) {
				t.Fatalf("%s and %s", id, idOf(alices))
			}
			there.content[id] = c.there
			if c.reduced != "" {
				there.reduced = map[engram.ChunkID]string{id: c.reduced}
			}
			entry := entryOf(id)
			if entry.CreatedBy = "alice"; c.received != "" {
				entry.CreatedBy, entry.CreatedAt = here.entries[0].CreatedBy, c.received
			}
			there.entries = []engram.ChunkEntry{entry}
			known := aliases{}
			for range 2 {
				result := syncer.Run(t.Context(), look(t, here, there, known), both)
				if c.collides && (!slices.Equal(failedIDs(result), []string{id.String()}) || !errors.Is(result.Failed[0].Err, syncer.ErrOtherBytes)) {
					t.Errorf("failed %v", result.Failed)
				}
				if !c.collides && (len(result.Failed) > 0 || len(result.Present) != 1) {
					t.Errorf("failed %v", result.Failed)
				}
			}
			if want := map[bool]int{true: 2, false: 1}[c.collides]; len(there.tried) != want {
				t.Errorf("it was read %d times, want %d", len(there.tried), want)
			}
		})
	}
}

// TestCollisionOnThePush: the server says yes, and what it lists is somebody else's.
func TestCollisionOnThePush(t *testing.T) {
	here, there := newSide(), newSide()
	id := here.add(bobs)
	moving := here.add(numbered(1))
	there.forget = func(pushed engram.ChunkID) bool {
		if pushed == id {
			entry := entryOf(id)
			entry.CreatedBy = "alice"
			there.content[id], there.entries = alices, append(there.entries, entry)
		}
		return pushed == id
	}
	result := syncer.Run(t.Context(), look(t, here, there, aliases{}), both)
	if !slices.Equal(failedIDs(result), []string{id.String()}) || !errors.Is(result.Failed[0].Err, syncer.ErrOtherBytes) {
		t.Errorf("failed %v", result.Failed)
	}
	if !slices.Equal(movedIDs(result), []string{moving.String()}) {
		t.Errorf("moved %v", movedIDs(result))
	}
}

// A server may say of all its chunks what it likes: a run does not read them all for
// that, and does not ask one that has gone for each of them.
func TestDoubtsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		most int
	}{
		"it answers": {nil, 256},
		"it is gone": {errors.New("gone"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := newSide(), newSide()
			for i := range 300 {
				there.content[here.add(numbered(i))] = numbered(i)
				entry := here.entries[i]
				entry.CreatedBy = "mallory"
				there.entries = append(there.entries, entry)
			}
			there.fail = func(engram.ChunkID) error { return c.err }
			opts := both
			opts.Concurrency = 1 // aliases are a map
			opts.Fatal = func(error) bool { return true }
			result := syncer.Run(t.Context(), look(t, here, there, aliases{}), opts)
			if n := len(there.tried); n == 0 || n > c.most || len(result.Present) != 300 || len(result.Failed) > 0 {
				t.Errorf("%d read, %d present, failed %v", n, len(result.Present), result.Failed)
			}
		})
	}
}
