package history_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

func read(t *testing.T, text string) []history.Row {
	t.Helper()
	id := engram.IDOf(sha256.Sum256([]byte(text)))
	rows, err := history.Read(strings.NewReader(text), func() engram.ChunkID { return id })
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// All that is in a chunk is a row, in the order in which importers apply it.
func TestEveryRowIsRead(t *testing.T) {
	const text = `{"observations":[{"sync_id":"o1","session_id":"s1","type":"note","title":"T","content":"C","project":null,"updated_at":"2026-10-01 10:00:00","deleted_at":"2026-10-02 10:00:00"},` +
		`{"session_id":"s2","content":"no name"}],"sessions":[{"id":"s1","project":"Shop","directory":"/w","started_at":"a","ended_at":"b","summary":"done"}],` +
		`"prompts":[{"sync_id":"p1","session_id":"s1","content":"why?","created_at":"c"}],"mutations":[` +
		`{"entity":"session","entity_key":"s9","op":"delete","payload":"{\"id\":\"s9\",\"deleted_at\":\"d\"}"},` +
		`{"entity":"observation","entity_key":"o9","op":"delete","payload":"{\"sync_id\":\"o9\",\"deleted_at\":\"2026-10-03 10:00:00\",\"hard_delete\":true}"},` +
		`{"entity":"session","entity_key":"s2","op":"upsert","project":"till","payload":"{\"id\":\"s2\"}"},` +
		`{"entity":"relation","entity_key":"r1","op":"upsert","payload":"{\"sync_id\":\"r1\",\"source_id\":\"o1\",\"target_id\":\"o2\",\"relation\":\"supersedes\",\"reason\":\"newer\",\"judgment_status\":\"judged\"}"},` +
		`{"entity":"cat","entity_key":"c1","op":"upsert","payload":{"purrs":true}},` +
		`{"entity":"prompt","entity_key":"p2","op":"upsert","payload":{"sync_id":"p2","session_id":"s2","content":"what?"}}, 7]}`
	var got []string
	for _, r := range read(t, text) {
		id := r.ID
		if r.Derived {
			id = "derived"
		}
		got = append(got, strings.Join([]string{r.Kind, id, string(r.State), r.Project, r.Headline()}, "|"))
	}
	want := []string{
		"session|s1|kept|Shop|s1", "session|s2|kept|till|s2", "observation|o1|deleted|Shop|T", "observation|derived|kept|till|no name", "prompt|p1|kept|Shop|why?",
		"prompt|p2|kept|till|what?", "relation|r1|kept||o1 supersedes o2", `cat|c1|kept||{"purrs":true}`, "mutation||kept||7", "observation|o9|removed||o9", "session|s9|removed||s9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A row without an identity has the same one wherever the chunk is read, and another one in another place.
func TestDerivedIdentities(t *testing.T) {
	const text = `{"observations":[{"content":"a"},{"content":"a"}]}`
	first, again := read(t, text), read(t, text)
	if first[0].ID != again[0].ID || first[0].ID == first[1].ID || !strings.HasPrefix(first[0].ID, "obs-") {
		t.Error(first[0].ID, first[1].ID, again[0].ID)
	}
}

// The newest version is that of the latest moment, and within a second the last one of the manifest.
func TestNewest(t *testing.T) {
	const second = 1_000_000_000
	v := func(moment int64, place int, state history.State) history.Version {
		return history.Version{Moment: moment, Place: place, State: state}
	}
	for name, tt := range map[string]struct {
		versions []history.Version
		at       int
		gone     bool
	}{
		"none":                           {nil, -1, false},
		"one":                            {[]history.Version{v(1, 0, history.Kept)}, 0, false},
		"an older one in a later chunk":  {[]history.Version{v(9*second, 0, history.Kept), v(5*second, 1, history.Kept)}, 0, false},
		"one second":                     {[]history.Version{v(9*second+7, 0, history.Kept), v(9*second, 1, history.Kept)}, 1, false},
		"a deletion keeps the last text": {[]history.Version{v(9*second, 0, history.Kept), v(10*second, 1, history.Removed)}, 0, true},
		"deleted, then made again":       {[]history.Version{v(9*second, 0, history.Removed), v(10*second, 1, history.Kept)}, 1, false},
		"softly":                         {[]history.Version{v(9*second, 0, history.Kept), v(10*second, 1, history.Deleted)}, 1, true},
		"a deletion alone":               {[]history.Version{v(9*second, 0, history.Removed)}, -1, true},
	} {
		if at, gone := history.Newest(tt.versions); at != tt.at || gone != tt.gone {
			t.Errorf("%s: %d, %t; want %d, %t", name, at, gone, tt.at, tt.gone)
		}
	}
}

func TestChanges(t *testing.T) {
	kept := history.Row{Kind: "observation", State: history.Kept, Type: "note", Title: "T", Content: "C", Project: "Shop"}
	with := func(change func(*history.Row)) *history.Row {
		row := kept
		change(&row)
		return &row
	}
	removed := &history.Row{Kind: "observation", State: history.Removed}
	for _, tt := range []struct {
		before, after *history.Row
		want          string
	}{
		{nil, &kept, "new"},
		{&kept, with(func(r *history.Row) { r.Project = "shop"; r.Revision = 7 }), "unchanged"},
		{&kept, with(func(r *history.Row) { r.Title, r.Content, r.Type = "U", "D", "bugfix" }), "type, title, content"},
		{&kept, removed, "deleted"},
		{removed, &kept, "restored"},
		{&kept, with(func(r *history.Row) { r.State = history.Deleted }), "deleted"},
		{nil, with(func(r *history.Row) { r.State = history.Deleted }), "new, deleted"},
	} {
		if got := strings.Join(history.Changes(tt.before, tt.after), ", "); got != tt.want {
			t.Errorf("%+v after %+v: %q, want %q", tt.after, tt.before, got, tt.want)
		}
	}
}

// FuzzRead: nothing that is JSON makes it panic, and each row has a kind and a state.
func FuzzRead(f *testing.F) {
	f.Add(fixtures.LaterChunk)
	f.Add(`{"mutations":[{"entity":"observation","op":"delete","payload":"{\"title\":\"t\"}"},{"payload":null},{"entity":3}],"observations":[null,{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := history.Read(strings.NewReader(text), func() engram.ChunkID { return engram.ChunkID{} })
		if err != nil {
			return
		}
		for _, r := range rows {
			if r.Kind == "" || r.State == "" {
				t.Errorf("%+v", r)
			}
			_, _ = r.Moment(), r.Headline()
		}
	})
}
