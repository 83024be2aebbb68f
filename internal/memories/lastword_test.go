package memories_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
)

// gone is a chunk that says of a row that it was deleted for good.
func gone(entity, key, at string) engram.ChunkRows {
	id := `"sync_id":"` + key + `"`
	if entity == "session" {
		id = `"id":"` + key + `"`
	}
	return mutation(entity, key, "delete", `{`+id+`,"session_id":"s","deleted":true,"deleted_at":"`+at+`","hard_delete":true}`)
}

func mutation(entity, key, op, payload string) engram.ChunkRows {
	return engram.ChunkRows{Mutations: []engram.ChunkMutation{{Entity: entity, EntityKey: key, Op: op, Payload: payload}}}
}

func chunk(rows ...engram.Observation) engram.ChunkRows {
	return engram.ChunkRows{Sessions: []engram.Session{session}, Observations: rows}
}

// changed is an observation at a moment in the minute after eight.
func changed(second, text string, revision int64) engram.Observation {
	o := note("obs-1", "08:00", text, revision)
	o.UpdatedAt = "2026-11-22 08:00:" + second
	return o
}

func reviewed(o engram.Observation, at string) engram.Observation {
	if at != "" {
		o.ReviewAfter = &at
	}
	return o
}

// Chunks speak in the order of the manifest, and the last word on a row counts.
func TestTheLastWordCounts(t *testing.T) {
	upsert := mutation("observation", "obs-1", "upsert",
		`{"sync_id":"obs-1","session_id":"s","type":"note","title":"b","content":"b","project":"repo","scope":"project","revision_count":2,"updated_at":"2026-11-22 08:00:07"}`)
	tests := []struct {
		story string
		here  engram.Observation
		said  []engram.ChunkRows
		want  []string
	}{
		{"an older version came behind ours", changed("09", "b", 2), []engram.ChunkRows{chunk(changed("09", "b", 2)), chunk(changed("01", "a", 1))}, []string{"b: edit"}},
		{"ours is the older one", changed("01", "a", 1), []engram.ChunkRows{chunk(changed("01", "a", 1)), chunk(changed("09", "b", 2))}, nil},
		{"only a mutation says it", changed("07", "b", 2), []engram.ChunkRows{chunk(changed("01", "a", 1)), upsert}, nil},
		{"a mutation says something later", changed("05", "a", 1), []engram.ChunkRows{chunk(changed("05", "a", 1)), upsert}, nil},
		{"in one chunk a mutation counts, and not a row", changed("09", "c", 3),
			[]engram.ChunkRows{{Sessions: []engram.Session{session}, Observations: []engram.Observation{changed("09", "c", 3)}, Mutations: upsert.Mutations}}, []string{"c: edit"}},
		{"a mutation under another key says nothing", changed("07", "b", 2),
			[]engram.ChunkRows{chunk(changed("01", "a", 1)), mutation("observation", "OBS-1", "upsert", upsert.Mutations[0].Payload)}, []string{"b: edit"}},
		{"edited twice within a second", changed("01.000000002", "b", 1), []engram.ChunkRows{chunk(changed("01.000000001", "a", 1))}, []string{"b: edit"}},
		{"a teammate did, and ours was told before", changed("01.000000001", "a", 1),
			[]engram.ChunkRows{chunk(changed("01.000000001", "a", 1)), chunk(changed("01.000000002", "b", 1))}, nil},
		{"a second that nobody knows better", changed("01", "b", 1), []engram.ChunkRows{chunk(changed("01.9", "a", 1))}, []string{"b: edit"}},

		{"deleted elsewhere", changed("01", "a", 1), []engram.ChunkRows{chunk(changed("01", "a", 1)), gone("observation", "obs-1", at("09:00"))}, nil},
		{"deleted elsewhere, and revived here", changed("09", "a", 1),
			[]engram.ChunkRows{chunk(changed("01", "a", 1)), gone("observation", "obs-1", "2026-11-22 08:00:05")}, []string{"a: edit"}},
		{"deleted elsewhere, after an edit that nobody told", changed("03", "b", 2),
			[]engram.ChunkRows{chunk(changed("01", "a", 1)), gone("observation", "obs-1", "2026-11-22 08:00:05")}, nil},
		{"written in the second of the deletion, and never told", changed("05.5", "b", 2),
			[]engram.ChunkRows{chunk(changed("01", "a", 1)), gone("observation", "obs-1", "2026-11-22 08:00:05")}, []string{"b: edit"}},
		{"told, and in the second of the deletion", changed("05.5", "a", 1),
			[]engram.ChunkRows{chunk(changed("05.5", "a", 1)), gone("observation", "obs-1", "2026-11-22 08:00:05")}, nil},
		{"marked as deleted by a mutation", deletedAt(note("obs-1", "08:00", "a", 1), "09:00"),
			[]engram.ChunkRows{chunk(changed("01", "a", 1)), mutation("observation", "obs-1", "delete", `{"sync_id":"obs-1","deleted":true,"deleted_at":"`+at("09:00")+`"}`)}, nil},

		{"reviewed again", reviewed(changed("09", "a", 1), at("12:00")), []engram.ChunkRows{chunk(reviewed(changed("01", "a", 1), at("10:00")))}, []string{"a: edit"}},
		{"reviewed, of which no chunk knows", reviewed(changed("01", "a", 1), at("12:00")), []engram.ChunkRows{chunk(changed("01", "a", 1))}, []string{"a: edit"}},
		{"a database that does not know of the review", changed("09", "a", 1), []engram.ChunkRows{chunk(reviewed(changed("01", "a", 1), at("10:00")))}, nil},
		{"the same review, said with more digits", reviewed(changed("01", "a", 1), at("12:00")+".000000000"), []engram.ChunkRows{chunk(reviewed(changed("01", "a", 1), at("12:00")))}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.story, func(t *testing.T) {
			exportedOnce(t, database{sessions: []engram.Session{session}, observations: []engram.Observation{tt.here}}, tt.said, tt.want)
		})
	}
}

// exportedOnce checks what is found, and that nothing is once it is in chunks.
func exportedOnce(t *testing.T, m database, said []engram.ChunkRows, want []string) {
	t.Helper()
	found := find(t, m, heldIn(t, said...), memories.Scope{Project: "repo"})
	if diff := cmp.Diff(want, shown(found)); diff != "" {
		t.Fatal(diff)
	}
	drafts, err := collect(found.Drafts(1<<20, "me", nil, now))
	if err != nil {
		t.Fatal(err)
	}
	drawn := contents(t, drafts)
	for _, rows := range said {
		text, err := engram.EncodeChunk(rows)
		if err != nil {
			t.Fatal(err)
		}
		// What the manifest lists already stays where it stands.
		drawn = slices.DeleteFunc(drawn, func(draft engram.ChunkRows) bool { return sameChunk(t, draft, text) })
	}
	again := find(t, m, heldIn(t, append(said, drawn...)...), memories.Scope{Project: "repo"})
	if len(again.Rows) > 0 {
		t.Errorf("a second export finds %v", shown(again))
	}
}

func sameChunk(t *testing.T, rows engram.ChunkRows, text []byte) bool {
	t.Helper()
	own, err := engram.EncodeChunk(rows)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(own, text)
}

// What stands before an older version, or before a deletion that it outlives, is said once
// more, in a chunk that is not the one it is in, however often that happens.
func TestSaidAgain(t *testing.T) {
	ended, earlier := session, session
	ended.EndedAt, ended.Summary = ptr(at("11:00")), ptr("two")
	earlier.EndedAt, earlier.Summary = ptr(at("09:00")), ptr("one")
	b := chunk(changed("09", "b", 2))
	alone := func(s engram.Session) engram.ChunkRows { return engram.ChunkRows{Sessions: []engram.Session{s}} }
	for _, tt := range []struct {
		story string
		here  database
		said  []engram.ChunkRows
		want  string
	}{
		{"an edit", database{observations: b.Observations}, []engram.ChunkRows{b, chunk(changed("01", "a", 1))}, "b: edit"},
		{"twice", database{observations: b.Observations}, []engram.ChunkRows{b, chunk(changed("01", "a", 1)), chunk(changed("09.000000001", "b", 2)), chunk(changed("01.5", "a", 1))}, "b: edit"},
		{"a memory that was revived", database{observations: b.Observations}, []engram.ChunkRows{b, gone("observation", "obs-1", "2026-11-22 08:00:05")}, "b: edit"},
		{"the end of a session", database{sessions: []engram.Session{ended}}, []engram.ChunkRows{alone(ended), alone(earlier)}, "session s: session_end"},
	} {
		t.Run(tt.story, func(t *testing.T) {
			if tt.here.sessions == nil {
				tt.here.sessions = []engram.Session{session}
			}
			exportedOnce(t, tt.here, tt.said, []string{tt.want})
		})
	}
}

// A prompt and a session are judged by when they were made. Source: engram-2.md 2.3.
func TestDeletedElsewhere(t *testing.T) {
	prompt := engram.Prompt{ID: 1, SyncID: "prompt-1", SessionID: "s", Content: "why?", CreatedAt: at("08:30")}
	ended := session
	ended.EndedAt, ended.Summary = ptr(at("11:00")), ptr("done")
	with := engram.ChunkRows{Sessions: []engram.Session{ended}, Prompts: []engram.Prompt{prompt}}
	m := database{sessions: []engram.Session{ended}, prompts: []engram.Prompt{prompt}}
	for _, tt := range []struct {
		story string
		then  []engram.ChunkRows
		want  []string
	}{
		{"the prompt", []engram.ChunkRows{gone("prompt", "prompt-1", at("09:00"))}, nil},
		{"an older prompt of that name", []engram.ChunkRows{gone("prompt", "prompt-1", at("08:00"))}, []string{"prompt prompt-1: edit"}},
		{"the session", []engram.ChunkRows{gone("prompt", "prompt-1", at("09:00")), gone("session", "s", at("09:00"))}, nil},
		{"an older session of that name", []engram.ChunkRows{gone("session", "s", at("07:00"))}, []string{"session s: session_end"}},
	} {
		t.Run(tt.story, func(t *testing.T) { exportedOnce(t, m, append([]engram.ChunkRows{with}, tt.then...), tt.want) })
	}
}

// What is older than what chunks say, and in none, is not written, and counted.
func TestOutdatedChangesAreCounted(t *testing.T) {
	ended, later := session, session
	ended.EndedAt, ended.Summary = ptr(at("09:00")), ptr("one")
	later.EndedAt, later.Summary = ptr(at("11:00")), ptr("two")
	m := database{sessions: []engram.Session{ended}, observations: []engram.Observation{changed("03", "b", 2)}}
	said := heldIn(t, engram.ChunkRows{Sessions: []engram.Session{later}, Observations: []engram.Observation{changed("01", "a", 1)}}, gone("observation", "obs-1", at("09:00")))
	found := find(t, m, said, memories.Scope{Project: "repo"})
	if got := found.Total(); got.Superseded != 2 || got.Rows() != 0 || len(found.Rows) != 0 {
		t.Errorf("got %+v", got)
	}
}
