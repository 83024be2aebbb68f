package memories_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/words"
)

// database is one in memory.
type database struct {
	sessions     []engram.Session
	observations []engram.Observation
	prompts      []engram.Prompt
	relations    []engram.Relation
	deletions    []engram.Deletion
}

func (m database) Sessions(_ context.Context, yield func(engram.Session) error) error {
	return each(m.sessions, yield)
}

func (m database) Observations(_ context.Context, yield func(engram.Observation) error) error {
	return each(m.observations, yield)
}

func (m database) Prompts(_ context.Context, yield func(engram.Prompt) error) error {
	return each(m.prompts, yield)
}

func (m database) Relations(_ context.Context, yield func(engram.Relation) error) error {
	return each(m.relations, yield)
}

func (m database) Deletions(_ context.Context, yield func(engram.Deletion) error) error {
	return each(m.deletions, yield)
}

func each[T any](rows []T, yield func(T) error) error {
	for _, row := range rows {
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}

func ptr(s string) *string { return &s }

// at is a time on the day of the stories.
func at(clock string) string { return "2026-11-22 " + clock + ":00" }

var session = engram.Session{ID: "s", Project: "Repo", Directory: "/w/repo", StartedAt: at("08:00")}

// note is an observation as it was at some time, with a text and a revision.
func note(syncID, clock, text string, revision int64) engram.Observation {
	return engram.Observation{
		ID: 1, SyncID: syncID, SessionID: "s", Type: "note", Title: text, Content: text, Scope: "project", RevisionCount: revision,
		DuplicateCount: 1, CreatedAt: at("08:00"), UpdatedAt: at(clock),
	}
}

func deletedAt(o engram.Observation, clock string) engram.Observation {
	o.UpdatedAt, o.DeletedAt = at(clock), ptr(at(clock))
	return o
}

// heldBy are the words of observations that chunks hold, with their session.
func heldBy(t *testing.T, rows ...engram.Observation) *memories.Words {
	t.Helper()
	return heldIn(t, engram.ChunkRows{Sessions: []engram.Session{session}, Observations: rows})
}

func heldIn(t *testing.T, chunks ...engram.ChunkRows) *memories.Words {
	t.Helper()
	var lists [][]words.Word
	for _, rows := range chunks {
		text, err := engram.EncodeChunk(rows)
		if err != nil {
			t.Fatal(err)
		}
		said, err := words.Read(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, said)
	}
	return memories.NewWords(lists...)
}

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// newest are the entries of a manifest whose newest is of ten o'clock.
var newest = []engram.ChunkEntry{{CreatedAt: "2026-11-22T10:00:00Z"}, {CreatedAt: "2026-11-22T09:00:00Z"}}

func find(t *testing.T, m database, held *memories.Words, scope memories.Scope) *memories.Unexported {
	t.Helper()
	found, err := memories.FindUnexported(t.Context(), m, held, newest, scope, now)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// shown is what was found, as text.
func shown(found *memories.Unexported) []string {
	var list []string
	for _, row := range found.Rows {
		row, err := found.Load(row)
		if err != nil {
			panic(err)
		}
		switch {
		case row.Session != nil:
			list = append(list, fmt.Sprintf("session %s: %s", row.Session.ID, row.Reason))
		case row.Prompt != nil:
			list = append(list, fmt.Sprintf("prompt %s: %s", row.Prompt.SyncID, row.Reason))
		default:
			list = append(list, fmt.Sprintf("%s: %s", row.Observation.Title, row.Reason))
		}
	}
	return list
}

// An observation is left behind if chunks hold nothing that says the same, or
// something later.
func TestFindUnexportedObservations(t *testing.T) {
	const id = "obs-1"
	tests := []struct {
		story string
		here  []engram.Observation
		held  []engram.Observation
		want  []string
	}{
		{"a chunk holds it", []engram.Observation{note(id, "08:00", "a", 1)}, []engram.Observation{note(id, "08:00", "a", 1)}, nil},
		{"no chunk knows it", []engram.Observation{note(id, "08:00", "a", 1)}, nil, []string{"a: older"}},
		{"edited", []engram.Observation{note(id, "11:00", "b", 2)}, []engram.Observation{note(id, "08:00", "a", 1)}, []string{"b: edit"}},
		{"edited within the second of its chunk", []engram.Observation{note(id, "08:00", "b", 2)}, []engram.Observation{note(id, "08:00", "a", 1)}, []string{"b: edit"}},
		{"edited, and edited back", []engram.Observation{note(id, "11:00", "a", 3)},
			[]engram.Observation{note(id, "08:00", "a", 1), note(id, "09:00", "b", 2)}, []string{"a: edit"}},
		{"deleted", []engram.Observation{deletedAt(note(id, "08:00", "a", 1), "11:00")}, []engram.Observation{note(id, "08:00", "a", 1)}, []string{"a: delete"}},
		{"deleted, and imported by somebody, whose engram has another time for that",
			[]engram.Observation{deletedAt(note(id, "08:00", "a", 1), "11:00")}, []engram.Observation{deletedAt(note(id, "08:00", "a", 1), "10:30")}, nil},
		{"only saved again", []engram.Observation{note(id, "11:00", "a", 1)}, []engram.Observation{note(id, "08:00", "a", 1)}, nil},
		{"1.9.4 counted what it pulled", []engram.Observation{note(id, "11:00", "a", 5)}, []engram.Observation{note(id, "08:00", "a", 1)}, nil},
		{"a teammate's edit is not imported yet", []engram.Observation{note(id, "08:00", "a", 1)},
			[]engram.Observation{note(id, "08:00", "a", 1), note(id, "09:00", "b", 2)}, nil},
		{"the same, and ours was saved again meanwhile", []engram.Observation{note(id, "11:00", "a", 1)},
			[]engram.Observation{note(id, "08:00", "a", 1), note(id, "09:00", "b", 2)}, nil},
		{"a teammate edited later than we did", []engram.Observation{note(id, "08:30", "b", 2)},
			[]engram.Observation{note(id, "08:00", "a", 1), note(id, "09:00", "c", 2)}, []string{"b: conflict"}},
		{"the same, and ours was in a chunk before", []engram.Observation{note(id, "08:30", "b", 2)},
			[]engram.Observation{note(id, "08:30", "b", 2), note(id, "09:00", "c", 3)}, nil},
		{"we wrote more often, and a teammate later", []engram.Observation{note(id, "08:30", "b", 5)},
			[]engram.Observation{note(id, "08:00", "a", 1), note(id, "09:00", "c", 2)}, []string{"b: edit"}},
		{"a teammate edited later what we deleted", []engram.Observation{deletedAt(note(id, "08:00", "a", 1), "08:30")},
			[]engram.Observation{note(id, "08:00", "a", 1), note(id, "09:00", "c", 2)}, nil},
		{"a teammate deleted later what we edited", []engram.Observation{note(id, "08:30", "b", 2)},
			[]engram.Observation{note(id, "08:00", "a", 1), deletedAt(note(id, "08:00", "a", 2), "09:00")}, []string{"b: conflict"}},
		{"a teammate only saved again what we edited", []engram.Observation{note(id, "08:30", "b", 2)},
			[]engram.Observation{note(id, "09:00", "a", 1)}, []string{"b: edit"}},
		{"twins of 1.9.4 that chunks hold both", []engram.Observation{note(id, "08:00", "a", 1), note(id, "09:00", "b", 2)},
			[]engram.Observation{note(id, "08:00", "a", 1), note(id, "09:00", "b", 2)}, nil},
		{"twins, of which the newer is in no chunk", []engram.Observation{note(id, "11:00", "b", 2), note(id, "08:00", "a", 1)},
			[]engram.Observation{note(id, "08:00", "a", 1)}, []string{"b: edit"}},
		{"twins, of which none is in a chunk", []engram.Observation{note(id, "08:00", "a", 1), note(id, "11:00", "b", 2)}, nil, []string{"a: conflict", "b: older"}},
		{"twins that are alike", []engram.Observation{note(id, "08:00", "a", 1), note(id, "08:00", "a", 1)}, nil, []string{"a: older"}},
		{"no name", []engram.Observation{note("", "08:00", "a", 1)}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.story, func(t *testing.T) {
			m := database{sessions: []engram.Session{session}, observations: tt.here}
			held := heldBy(t, tt.held...)
			found := find(t, m, held, memories.Scope{Project: "repo"})
			if diff := cmp.Diff(tt.want, shown(found)); diff != "" {
				t.Fatal(diff)
			}
			// What was exported is left behind no more.
			drafts, err := collect(found.Drafts(1<<20, "me", nil, now))
			if err != nil {
				t.Fatal(err)
			}
			chunks := []engram.ChunkRows{{Sessions: []engram.Session{session}, Observations: tt.held}}
			again := find(t, m, heldIn(t, append(chunks, contents(t, drafts)...)...), memories.Scope{Project: "repo"})
			if len(again.Rows) > 0 {
				t.Errorf("a second export finds %v", shown(again))
			}
		})
	}
}

func TestReasonsByTime(t *testing.T) {
	o := note("obs-1", "08:00", "a", 1)
	future := []engram.ChunkEntry{{CreatedAt: "2027-01-01T00:00:00Z"}}
	for _, tt := range []struct {
		created string
		entries []engram.ChunkEntry
		want    memories.Reason
	}{
		{at("11:00"), newest, memories.New},
		{at("10:00"), newest, memories.SameSecond},
		{at("09:30"), newest, memories.Older},
		{at("11:00"), future, memories.FutureEntry},
		{at("11:00"), nil, memories.New},
	} {
		o.CreatedAt = tt.created
		found, err := memories.FindUnexported(t.Context(), database{observations: []engram.Observation{o}}, heldBy(t), tt.entries, memories.Scope{}, now)
		if err != nil || len(found.Rows) != 1 || found.Rows[0].Reason != tt.want {
			t.Errorf("%s: got %v, %v, want %s", tt.created, shown(found), err, tt.want)
		}
	}
}

func TestFindUnexportedSessionsAndPrompts(t *testing.T) {
	ended, endedLater, changed := session, session, session
	ended.EndedAt, ended.Summary = ptr(at("09:00")), ptr("one")
	endedLater.EndedAt, endedLater.Summary = ptr(at("11:00")), ptr("two")
	changed.Directory, changed.StartedAt = "/elsewhere", at("07:00")
	prompt := engram.Prompt{ID: 1, SyncID: "prompt-1", SessionID: "s", Content: "why?", CreatedAt: at("10:30")}
	tests := []struct {
		story string
		here  database
		held  []engram.ChunkRows
		want  []string
	}{
		{"just begun", database{sessions: []engram.Session{session}}, nil, nil},
		{"ended, and unknown", database{sessions: []engram.Session{ended}}, nil, []string{"session s: older"}},
		{"ended since its chunk", database{sessions: []engram.Session{ended}}, []engram.ChunkRows{{Sessions: []engram.Session{session}}}, []string{"session s: session_end"}},
		{"ended again", database{sessions: []engram.Session{endedLater}}, []engram.ChunkRows{{Sessions: []engram.Session{ended}}}, []string{"session s: session_end"}},
		{"ended elsewhere", database{sessions: []engram.Session{session}}, []engram.ChunkRows{{Sessions: []engram.Session{ended}}}, nil},
		{"ended later elsewhere", database{sessions: []engram.Session{ended}}, []engram.ChunkRows{{Sessions: []engram.Session{endedLater}}}, nil},
		{"the manual session of another machine", database{sessions: []engram.Session{changed}}, []engram.ChunkRows{{Sessions: []engram.Session{session}}}, nil},
		{"a prompt in no chunk", database{sessions: []engram.Session{session}, prompts: []engram.Prompt{prompt}}, nil,
			[]string{"prompt prompt-1: new", "session s: older"}},
		{"a session that only its rows' chunk lacks", database{sessions: []engram.Session{session}, prompts: []engram.Prompt{prompt}},
			[]engram.ChunkRows{{Sessions: []engram.Session{{ID: "t"}}, Prompts: []engram.Prompt{prompt}}},
			[]string{"prompt prompt-1: edit", "session s: older"}},
	}
	for _, tt := range tests {
		found := find(t, tt.here, heldIn(t, tt.held...), memories.Scope{Project: "repo"})
		if diff := cmp.Diff(tt.want, shown(found)); diff != "" {
			t.Errorf("%s: %s", tt.story, diff)
		}
	}
}

func TestScope(t *testing.T) {
	row := func(id, sessionID string, project *string, scope string) engram.Observation {
		o := note(id, "08:00", id, 1)
		o.SessionID, o.Project, o.Scope = sessionID, project, scope
		return o
	}
	m := database{
		sessions: []engram.Session{session, {ID: "t", Project: "other"}},
		observations: []engram.Observation{
			row("own", "t", ptr("REPO "), "project"), row("by-session", "s", nil, "project"), row("elsewhere", "s", ptr("other"), "project"),
			row("mine", "s", nil, "personal"), row("lost", "nowhere", nil, "project"), row("", "s", nil, "project"),
		},
	}
	tests := []struct {
		scope memories.Scope
		want  memories.Tallies
	}{
		{memories.Scope{Project: "Repo"}, memories.Tallies{"repo": {Memories: 2, Sessions: 1, StayHome: memories.StayHome{Personal: 1}, Unnamed: 1}}},
		{memories.Scope{Project: "repo", Personal: true}, memories.Tallies{"repo": {Memories: 3, Sessions: 1, Unnamed: 1}}},
		{memories.Scope{Project: "repo", CountOnly: true}, memories.Tallies{"repo": {Memories: 2, Sessions: 1, StayHome: memories.StayHome{Personal: 1}, Unnamed: 1}}},
		{memories.Scope{}, memories.Tallies{
			"repo": {Memories: 2, Sessions: 1, StayHome: memories.StayHome{Personal: 1}, Unnamed: 1}, "other": {Memories: 1, Sessions: 1}, "": {Memories: 1},
		}},
		{memories.Scope{Project: "third"}, memories.Tallies{}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, find(t, m, heldIn(t), tt.scope).Tallies); diff != "" {
			t.Errorf("%+v: %s", tt.scope, diff)
		}
	}
}
