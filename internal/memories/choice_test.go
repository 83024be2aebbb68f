package memories_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/selection"
)

// What somebody does not want in chunks stays here, is counted, and is no reason to write anything the next time.
func TestChoice(t *testing.T) {
	placed := session
	placed.Directory = "/home/ana/secret"
	old, fresh, gone := note("obs-old", "08:00", "old", 1), note("obs-new", "09:00", "new", 1), note("obs-gone", "09:00", "gone", 2)
	old.Type, fresh.Type, gone.Type = "decision", "Bugfix", "decision"
	was := note("obs-gone", "08:00", "gone", 1)
	was.Type = "decision"
	gone.DeletedAt = ptr("2026-11-22 09:30:00")
	m := database{
		sessions:     []engram.Session{placed},
		observations: []engram.Observation{old, fresh, gone},
		prompts:      []engram.Prompt{{ID: 1, SyncID: "prompt-1", SessionID: "s", Content: "do it", CreatedAt: "2026-11-22 08:30:00"}},
	}
	nine := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		choice memories.Choice
		want   memories.Tally
	}{
		{"all goes", memories.Choice{}, memories.Tally{Memories: 2, Deletes: 1, Prompts: 1}},
		{"no prompts", memories.Choice{NoPrompts: true}, memories.Tally{Memories: 2, Deletes: 1, StayHome: memories.StayHome{Excluded: 1}}},
		// The chunks have obs-gone, so that it is deleted is told.
		{"types", memories.Choice{Wants: selection.Memories([]string{"bugfix"})}, memories.Tally{Memories: 1, Deletes: 1, Prompts: 1, StayHome: memories.StayHome{Excluded: 1}}},
		{"since", memories.Choice{Wants: selection.Since(nine)}, memories.Tally{Memories: 1, Deletes: 1, StayHome: memories.StayHome{Excluded: 2}}},
		{"asked for", memories.Choice{Wants: selection.Memories([]string{"bugfix"}).And(selection.Since(nine.Add(time.Hour)))}, memories.Tally{Deletes: 1, StayHome: memories.StayHome{Excluded: 3}}},
		{"no directories", memories.Choice{NoDirectories: true}, memories.Tally{Memories: 2, Deletes: 1, Prompts: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			scope := memories.Scope{Project: "repo", Choice: test.choice}
			said := []engram.ChunkRows{chunk(was)}
			found := find(t, m, heldIn(t, said...), scope)
			test.want.InChunks = found.Total().InChunks
			if diff := cmp.Diff(test.want, found.Total()); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			drafts, err := collect(found.Drafts(1<<20, "me", newest, now))
			if err != nil {
				t.Fatal(err)
			}
			written, err := json.Marshal(contents(t, drafts))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(written), "/home/ana") == test.choice.NoDirectories {
				t.Errorf("written: %s", written)
			}
			again := find(t, m, heldIn(t, append(said, contents(t, drafts)...)...), scope).Total()
			if again.Rows() > 0 || again.Excluded != test.want.Excluded {
				t.Errorf("the next time: %+v", again)
			}
		})
	}
}
