package memories_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
)

func deletion(kind engram.RowKind, key, deletedAt string) engram.Deletion {
	return engram.Deletion{Kind: kind, Key: key, Session: "s", Project: "repo", At: deletedAt}
}

// A deletion goes if chunks still have the row, and a session's if nothing is left of it.
func TestDeletions(t *testing.T) {
	o, p := note("obs-1", "08:30", "a", 1), engram.Prompt{ID: 1, SyncID: "prompt-1", SessionID: "s", Content: "why?", CreatedAt: at("08:30")}
	all := engram.ChunkRows{Sessions: []engram.Session{session}, Observations: []engram.Observation{o}, Prompts: []engram.Prompt{p}}
	obs, prompt, ses := deletion(engram.ObservationRow, "obs-1", at("09:00")), deletion(engram.PromptRow, "prompt-1", at("09:00")), deletion(engram.SessionRow, "s", at("09:00"))
	waiting := memories.Tally{StayHome: memories.StayHome{Waiting: 1}}
	odd := memories.Tally{StayHome: memories.StayHome{OddTimes: 1}}
	unplaced := obs
	unplaced.Project, unplaced.Session = "", "" // as 1.9.4 notes it
	marked := mutation("observation", "obs-1", "delete", `{"sync_id":"obs-1","deleted_at":"`+at("08:45")+`"}`)
	edited := note("obs-1", "09:30", "b", 2)
	edited.UpdatedAt = "3000-01-01 00:00:00"
	ahead := chunk(edited)
	elsewhere := obs
	elsewhere.Project = "other"
	tests := []struct {
		story string
		here  database
		said  []engram.ChunkRows
		want  memories.Tally
		times []string // of the deletions that are written
	}{
		{"an observation", database{deletions: []engram.Deletion{obs}}, []engram.ChunkRows{all}, memories.Tally{HardDeletes: 1}, []string{at("09:00")}},
		{"a prompt", database{deletions: []engram.Deletion{prompt}}, []engram.ChunkRows{all}, memories.Tally{PromptDeletes: 1}, []string{at("09:00")}},
		{"one that 1.9.4 files nowhere", database{deletions: []engram.Deletion{unplaced}}, []engram.ChunkRows{all}, memories.Tally{HardDeletes: 1}, []string{at("09:00")}},
		{"of another project", database{deletions: []engram.Deletion{elsewhere}}, []engram.ChunkRows{all}, memories.Tally{}, nil},
		{"no chunk has had it", database{deletions: []engram.Deletion{obs}}, nil, memories.Tally{}, nil},
		{"a chunk says so already", database{deletions: []engram.Deletion{obs}}, []engram.ChunkRows{all, gone("observation", "obs-1", at("10:00"))}, memories.Tally{}, nil},
		{"marked as deleted in a chunk", database{deletions: []engram.Deletion{obs}}, []engram.ChunkRows{all, chunk(deletedAt(o, "08:45"))}, memories.Tally{HardDeletes: 1}, []string{at("09:00")}},
		{"an older chunk was merged behind the deletion", database{deletions: []engram.Deletion{obs}}, []engram.ChunkRows{all, gone("observation", "obs-1", at("09:00")), all}, memories.Tally{HardDeletes: 1}, []string{at("09:00") + ".000000001"}},
		{"edited elsewhere after that", database{deletions: []engram.Deletion{obs}}, []engram.ChunkRows{all, chunk(note("obs-1", "09:30", "b", 2))}, memories.Tally{}, nil},
		{"edited elsewhere by a clock that is centuries ahead", database{deletions: []engram.Deletion{obs}}, []engram.ChunkRows{all, ahead}, memories.Tally{}, nil},
		{"in the second of its last edit", database{deletions: []engram.Deletion{deletion(engram.ObservationRow, "obs-1", at("08:30"))}}, []engram.ChunkRows{all},
			memories.Tally{HardDeletes: 1}, []string{at("08:30") + ".000000001"}},
		{"at a time that cannot be read", database{deletions: []engram.Deletion{deletion(engram.ObservationRow, "obs-1", "soon")}}, []engram.ChunkRows{all}, odd, nil},
		{"at no time", database{deletions: []engram.Deletion{deletion(engram.PromptRow, "prompt-1", "")}}, []engram.ChunkRows{all}, odd, nil},
		{"at a time before all times", database{deletions: []engram.Deletion{deletion(engram.ObservationRow, "obs-1", "1970-01-01 00:00:00")}}, []engram.ChunkRows{all}, odd, nil},
		{"at a time that has not come yet", database{deletions: []engram.Deletion{deletion(engram.ObservationRow, "obs-1", "2030-01-01 00:00:00")}},
			[]engram.ChunkRows{all, chunk(note("obs-1", "09:30", "b", 2))}, odd, nil},
		{"a session, and one of it at an odd time", database{deletions: []engram.Deletion{ses, prompt, deletion(engram.ObservationRow, "obs-1", "soon")}}, []engram.ChunkRows{all},
			memories.Tally{PromptDeletes: 1}.With(odd).With(waiting), []string{at("09:00")}},

		{"one that 1.9.4 files nowhere, of a row of another project", database{deletions: []engram.Deletion{unplaced}},
			[]engram.ChunkRows{{Sessions: []engram.Session{{ID: "s", Project: "other"}}, Observations: all.Observations}}, memories.Tally{}, nil},
		{"one that 1.9.4 files nowhere, of a row whose session another chunk has", database{deletions: []engram.Deletion{unplaced}},
			[]engram.ChunkRows{{Observations: all.Observations}, {Sessions: all.Sessions}}, memories.Tally{HardDeletes: 1}, []string{at("09:00")}},
		{"one that 1.9.4 files nowhere, of a row whose session nobody has", database{deletions: []engram.Deletion{unplaced}},
			[]engram.ChunkRows{{Observations: all.Observations}}, memories.Tally{StayHome: memories.StayHome{NoProject: 1}}, nil},

		{"a session and all of it", database{deletions: []engram.Deletion{ses, obs, prompt}}, []engram.ChunkRows{all},
			memories.Tally{HardDeletes: 1, PromptDeletes: 1, SessionDeletes: 1}, []string{at("09:00"), at("09:00"), at("09:00")}},
		{"a session with an observation in chunks", database{deletions: []engram.Deletion{ses, prompt}}, []engram.ChunkRows{all},
			memories.Tally{PromptDeletes: 1}.With(waiting), []string{at("09:00")}},
		{"a session with a prompt in chunks", database{deletions: []engram.Deletion{ses, obs}}, []engram.ChunkRows{all},
			memories.Tally{HardDeletes: 1}.With(waiting), []string{at("09:00")}},
		{"a session with an observation that is marked as deleted", database{deletions: []engram.Deletion{ses, prompt}}, []engram.ChunkRows{all, chunk(deletedAt(o, "08:45"))},
			memories.Tally{PromptDeletes: 1}.With(waiting), []string{at("09:00")}},
		{"a session with an observation that was marked as deleted by who did not say where it was", database{deletions: []engram.Deletion{ses, prompt}}, []engram.ChunkRows{all, marked},
			memories.Tally{PromptDeletes: 1}.With(waiting), []string{at("09:00")}},
		{"a session with all of it, one of which was marked so", database{deletions: []engram.Deletion{ses, obs, prompt}}, []engram.ChunkRows{all, marked},
			memories.Tally{HardDeletes: 1, PromptDeletes: 1, SessionDeletes: 1}, []string{at("09:00"), at("09:00"), at("09:00")}},
		{"a session with an observation that is not deleted here", database{observations: []engram.Observation{o}, deletions: []engram.Deletion{ses, prompt}}, []engram.ChunkRows{all},
			memories.Tally{PromptDeletes: 1, InChunks: 1}.With(waiting), []string{at("09:00")}},
		{"a session that is empty in chunks", database{deletions: []engram.Deletion{ses}}, []engram.ChunkRows{{Sessions: []engram.Session{session}}},
			memories.Tally{SessionDeletes: 1}, []string{at("09:00")}},
	}
	for _, tt := range tests {
		t.Run(tt.story, func(t *testing.T) {
			for i := range tt.here.observations {
				tt.here.observations[i].Project = ptr("repo")
			}
			found := find(t, tt.here, heldIn(t, tt.said...), memories.Scope{Project: "repo"})
			var times []string
			for _, row := range found.Rows {
				times = append(times, row.Deletion.At)
			}
			if diff := cmp.Diff(tt.want, found.Total()) + cmp.Diff(tt.times, times); diff != "" {
				t.Fatal(diff)
			}
			drafts, err := collect(found.Drafts(1<<20, "me", nil, now))
			if err != nil {
				t.Fatal(err)
			}
			again := find(t, tt.here, heldIn(t, append(tt.said, contents(t, drafts)...)...), memories.Scope{Project: "repo"})
			if again.Total().Rows() > 0 {
				t.Errorf("a second export finds %+v", again.Total())
			}
		})
	}
}
