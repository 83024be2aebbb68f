package memories_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/merge"
)

// contents are the rows of drafts, each of which must be engram's own encoding.
func contents(t *testing.T, drafts []memories.Draft) []engram.ChunkRows {
	t.Helper()
	var chunks []engram.ChunkRows
	for _, d := range drafts {
		var rows engram.ChunkRows
		if err := json.Unmarshal(d.Text, &rows); err != nil {
			t.Fatal(err)
		}
		again, err := engram.EncodeChunk(rows)
		if err != nil || string(again) != string(d.Text) {
			t.Errorf("%v: not engram's encoding: %s", err, d.Text)
		}
		chunks = append(chunks, rows)
	}
	return chunks
}

// collect are all drafts at once.
func collect(drafts iter.Seq2[memories.Draft, error]) (list []memories.Draft, err error) {
	for d, err := range drafts {
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// inTurn gives drafts one by one.
func inTurn(drafts []memories.Draft) iter.Seq2[memories.Draft, error] {
	return func(yield func(memories.Draft, error) bool) {
		for _, d := range drafts {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// manyRows are 3 sessions with 10 observations and 5 prompts each.
func manyRows() database {
	var m database
	id := int64(0)
	for s := range 3 {
		name := fmt.Sprintf("s-%d", s)
		m.sessions = append(m.sessions, engram.Session{ID: name, Project: "repo", StartedAt: at(fmt.Sprintf("0%d:00", 9-s)), Summary: ptr("done")})
		for i := range 10 {
			id++
			o := note(fmt.Sprintf("obs-%d", id), "08:00", strings.Repeat("x", 40*i), 1)
			o.ID, o.SessionID = id, name
			m.observations = append(m.observations, o)
			if i%2 == 0 {
				m.prompts = append(m.prompts, engram.Prompt{ID: id, SyncID: fmt.Sprintf("prompt-%d", id), SessionID: name, Content: "why?"})
			}
		}
	}
	return m
}

func draft(t *testing.T, m database, limit int64) []memories.Draft {
	t.Helper()
	drafts, err := collect(find(t, m, heldIn(t), memories.Scope{}).Drafts(limit, "me", newest, now))
	if err != nil {
		t.Fatal(err)
	}
	return drafts
}

// However small chunks have to be, every row is in exactly one of them, and
// each has the sessions that it needs.
func TestDraftsHoldEachRowOnceAndCanBeImportedAlone(t *testing.T) {
	m := manyRows()
	for _, limit := range []int64{1, 500, 1000, 3000, 1 << 20} {
		drafts := draft(t, m, limit)
		var observations, prompts []int64
		sessions := map[string]bool{}
		for i, rows := range contents(t, drafts) {
			d := drafts[i]
			has := map[string]bool{}
			for _, s := range rows.Sessions {
				sessions[s.ID], has[s.ID] = true, true
			}
			for _, o := range rows.Observations {
				observations = append(observations, o.ID)
				if !has[o.SessionID] {
					t.Errorf("limit %d: %s lacks session %s", limit, d.Entry.ID, o.SessionID)
				}
			}
			for _, p := range rows.Prompts {
				prompts = append(prompts, p.ID)
				if !has[p.SessionID] {
					t.Errorf("limit %d: %s lacks session %s", limit, d.Entry.ID, p.SessionID)
				}
			}
			if int64(len(d.Text)) > limit && len(rows.Observations)+len(rows.Prompts) > 1 {
				t.Errorf("limit %d: a chunk has %d bytes", limit, len(d.Text))
			}
			counts := engram.ChunkEntry{ID: d.Entry.ID, CreatedBy: "me", CreatedAt: "2026-11-22T10:00:00.000001Z",
				Sessions: len(rows.Sessions), Memories: len(rows.Observations), Prompts: len(rows.Prompts)}
			if d.Entry != counts {
				t.Errorf("limit %d: entry %+v, want %+v", limit, d.Entry, counts)
			}
			if !slices.IsSortedFunc(rows.Observations, func(a, b engram.Observation) int { return int(a.ID - b.ID) }) {
				t.Errorf("limit %d: observations are not in the order of their ids", limit)
			}
		}
		slices.Sort(observations)
		slices.Sort(prompts)
		if len(observations) != 30 || len(slices.Compact(observations)) != 30 || len(prompts) != 15 || len(slices.Compact(prompts)) != 15 || len(sessions) != 3 {
			t.Errorf("limit %d: %d observations, %d prompts, %d sessions", limit, len(observations), len(prompts), len(sessions))
		}
	}
}

func TestDraftsOfTheSameRowsAreTheSameBytes(t *testing.T) {
	first, second := draft(t, manyRows(), 2000), draft(t, manyRows(), 2000)
	if len(first) < 2 || len(first) != len(second) {
		t.Fatalf("%d and %d chunks", len(first), len(second))
	}
	for i := range first {
		if string(first[i].Text) != string(second[i].Text) || first[i].Entry != second[i].Entry {
			t.Errorf("chunk %d differs", i)
		}
	}
}

// 1.9.4 can have rows of sessions that do not exist, and stops at them when it
// imports: their chunk brings a session.
func TestDraftOfARowWithoutASession(t *testing.T) {
	o := note("obs-1", "08:00", "a", 1)
	o.SessionID, o.Project = "gone", ptr("repo")
	got := contents(t, draft(t, database{observations: []engram.Observation{o}}, 1<<20))
	want := []engram.ChunkRows{{
		Sessions:     []engram.Session{{ID: "gone", Project: "repo", Directory: "unknown", StartedAt: at("08:00")}},
		Observations: []engram.Observation{o},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The time of an entry hides nothing from engram's own export, which counts in seconds.
func TestEntryTimeIsInTheSecondOfTheNewestEntry(t *testing.T) {
	future := engram.ChunkEntry{CreatedAt: "2027-01-01T00:00:00Z"}
	for _, tt := range []struct {
		entries []engram.ChunkEntry
		want    string
	}{
		{nil, "1970-01-01T00:00:00Z"},
		{newest, "2026-11-22T10:00:00.000001Z"},
		{append(slices.Clone(newest), future), "2026-11-22T10:00:00.000001Z"},
		{[]engram.ChunkEntry{{CreatedAt: "2026-11-22T10:00:00.000001Z"}}, "2026-11-22T10:00:00.000002Z"},
		{[]engram.ChunkEntry{future}, "1970-01-01T00:00:00Z"},
	} {
		drafts, err := collect(find(t, manyRows(), heldIn(t), memories.Scope{}).Drafts(1<<20, "me", tt.entries, now))
		if err != nil || drafts[0].Entry.CreatedAt != tt.want {
			t.Errorf("got %s, %v, want %s", drafts[0].Entry.CreatedAt, err, tt.want)
		}
	}
}

// engram imports in the order of the manifest, and the last version of a row
// wins. Merges put entries in order by time and id, so an edit must be later than
// the chunk that it edits, whatever their ids.
func TestEditStaysBehindWhatItEdits(t *testing.T) {
	first, err := engram.ParseChunkID("ffffffff") // no id comes behind this one
	if err != nil {
		t.Fatal(err)
	}
	base, err := engram.NewManifest().With(1, engram.ChunkEntry{ID: first, CreatedBy: "me", CreatedAt: "2026-11-22T10:00:00Z"})
	if err != nil {
		t.Fatal(err)
	}
	drafts, err := collect(find(t, manyRows(), heldIn(t), memories.Scope{}).Drafts(1<<20, "me", base.Entries(), now))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := base.With(1, drafts[0].Entry)
	if err != nil {
		t.Fatal(err)
	}
	both, err := merge.Manifests(base.Bytes(), ours.Bytes(), base.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	merged, err := engram.ParseManifest(both.Text)
	if err != nil || merged.Entries()[1].ID != drafts[0].Entry.ID {
		t.Errorf("after a merge: %v, %v", merged.Entries(), err)
	}
}

// Rows stand in the order of their sessions' starts, each session before its rows, those
// without a directory last, and whatever the search found first.
func TestDraftsPutTheRowsOfASessionTogether(t *testing.T) {
	var m database
	start := map[string]string{}
	for s := range 40 {
		name := fmt.Sprintf("s-%02d", s*7%40)
		row := engram.Session{ID: name, Project: "repo", Directory: "/w/repo", StartedAt: at(fmt.Sprintf("0%d:00", s%5)), Summary: ptr("done")}
		place := "0 "
		if s%8 == 0 {
			row.Directory, place = "", "1 "
		}
		if s%9 == 1 {
			place, row.StartedAt = "0 ", at("08:00") // it is in no table: its rows say when
		} else {
			m.sessions = append(m.sessions, row)
		}
		start[name] = place + row.StartedAt + " " + name
	}
	for i := range 400 {
		name := fmt.Sprintf("s-%02d", i*13%40)
		o := note(fmt.Sprintf("obs-%d", i*i), "08:00", "text", 1)
		o.ID, o.SessionID = int64(i), name
		m.observations = append(m.observations, o)
		m.prompts = append(m.prompts, engram.Prompt{ID: int64(1000 - i), SyncID: fmt.Sprintf("prompt-%d", i), SessionID: name, Content: "why?", CreatedAt: at("08:00")})
	}
	found := find(t, m, heldIn(t), memories.Scope{})
	var got []string
	for d, err := range found.Drafts(5000, "me", newest, now) {
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range d.Rows {
			row, err := found.Load(of)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case row.Session != nil:
				got = append(got, start[row.Session.ID]+" 1")
			case row.Observation != nil:
				got = append(got, fmt.Sprintf("%s 2 %04d", start[row.Observation.SessionID], row.Observation.ID))
			default:
				got = append(got, fmt.Sprintf("%s 3 %04d", start[row.Prompt.SessionID], row.Prompt.ID))
			}
		}
	}
	if !slices.IsSorted(got) || len(got) != len(m.sessions)+800 {
		t.Errorf("%d rows, in this order:\n%s", len(got), strings.Join(got, "\n"))
	}
}
