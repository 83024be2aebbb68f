package memories_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
)

// A change at a time that has not come yet, or that is none, would win against those
// of everybody else, for as long as that is so.
func TestChangesAtOddTimes(t *testing.T) {
	when := func(o engram.Observation, t string) engram.Observation {
		o.UpdatedAt, o.Project = t, ptr("repo")
		return o
	}
	ours, theirs := note("obs-1", "09:00", "ours", 3), note("obs-1", "10:30", "theirs", 2)
	old := chunk(note("obs-1", "08:00", "old", 1))
	gone := when(deletedAt(ours, "09:00"), "2030-01-01 00:00:00")
	goneLater := when(deletedAt(ours, "09:00"), at("09:00"))
	goneLater.DeletedAt = ptr("2030-01-01 00:00:00")
	ended := func(at string) engram.Session {
		s := session
		s.EndedAt, s.Summary = ptr(at), ptr("ours")
		return s
	}
	odd, conflict := memories.Tally{StayHome: memories.StayHome{OddTimes: 1}}, memories.Tally{Edits: 1}
	for _, tt := range []struct {
		story string
		here  database
		said  []engram.ChunkRows
		want  memories.Tally // without what is in chunks
	}{
		{"an edit to come", database{observations: []engram.Observation{when(ours, "2030-01-01 00:00:00")}}, []engram.ChunkRows{old, chunk(theirs)}, odd},
		{"an edit at no time is kept beside theirs", database{observations: []engram.Observation{when(ours, "soon")}}, []engram.ChunkRows{old, chunk(theirs)}, conflict},
		{"an edit to come that a chunk has had", database{observations: []engram.Observation{when(ours, "2030-01-01 00:00:00")}},
			[]engram.ChunkRows{chunk(when(ours, "2030-01-01 00:00:00")), chunk(theirs)}, memories.Tally{}},
		{"a new memory to come is nobody else's", database{observations: []engram.Observation{when(ours, "2030-01-01 00:00:00")}}, nil, memories.Tally{Memories: 1}},
		{"an edit to come of what was deleted for good elsewhere", database{observations: []engram.Observation{when(ours, "2030-01-01 00:00:00")}},
			[]engram.ChunkRows{old, mutation("observation", "obs-1", "delete", `{"sync_id":"obs-1","deleted_at":"`+at("10:00")+`","hard_delete":true}`)}, odd},
		{"a soft deletion to come", database{observations: []engram.Observation{gone}}, []engram.ChunkRows{old, chunk(theirs)}, odd},
		{"a soft deletion whose own time is to come", database{observations: []engram.Observation{goneLater}}, []engram.ChunkRows{old, chunk(theirs)}, odd},
		{"a soft deletion at no time", database{observations: []engram.Observation{when(gone, "soon")}}, []engram.ChunkRows{old, chunk(theirs)}, odd},
		{"an end to come", database{sessions: []engram.Session{ended("2030-01-01 00:00:00")}}, []engram.ChunkRows{{Sessions: []engram.Session{ended(at("10:00"))}}}, odd},
		{"another end to come", database{sessions: []engram.Session{ended("2030-01-01 00:00:00")}}, []engram.ChunkRows{{Sessions: []engram.Session{session}}}, odd},
	} {
		t.Run(tt.story, func(t *testing.T) {
			if tt.here.sessions == nil {
				tt.here.sessions = []engram.Session{session}
			}
			found := find(t, tt.here, heldIn(t, tt.said...), memories.Scope{Project: "repo"})
			got := found.Total()
			got.InChunks, got.Sessions = 0, 0
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An end goes with the directory that chunks have, or 1.x would forget that.
// Source: engram-2.md 7, rule 15.
func TestAnEndTakesItsDirectoryFromTheChunks(t *testing.T) {
	files := &chunkFiles{texts: map[engram.ChunkID]string{}, stamps: map[engram.ChunkID]string{}}
	entries := []engram.ChunkEntry{
		files.add(`{"sessions":[{"id":"s","project":"repo","directory":"/old"}]}`),
		files.add(`{"mutations":[{"entity":"session","entity_key":"s","op":"upsert","payload":"{\"id\":\"s\",\"project\":\"repo\",\"directory\":\"/w/repo\"}"}]}`),
		files.add(`{"sessions":[{"id":"s","project":"repo","directory":" "},{"id":"t","project":"repo","directory":"/t"}]}`),
	}
	ended := session
	ended.Directory, ended.EndedAt, ended.Summary = "", ptr(at("11:00")), ptr("done")
	for range 2 { // from the index, too
		said, failed, err := memories.ReadWords(t.Context(), files, entries, nil, index{}, 1<<20, 2, nil)
		if err != nil || len(failed) > 0 {
			t.Fatal(failed, err)
		}
		found := find(t, database{sessions: []engram.Session{ended}}, said, memories.Scope{Project: "repo"})
		drafts, err := collect(found.Drafts(1<<20, "me", nil, now))
		if err != nil || len(drafts) != 1 {
			t.Fatal(drafts, err)
		}
		want := ended
		want.Directory = "/w/repo"
		if diff := cmp.Diff([]engram.Session{want}, contents(t, drafts)[0].Sessions); diff != "" {
			t.Error(diff)
		}
	}
}
