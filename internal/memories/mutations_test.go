package memories_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
)

// everyKind is a database with something of every kind to export, and what its
// chunks have.
func everyKind() (database, []engram.ChunkRows) {
	prompt := engram.Prompt{ID: 1, SyncID: "prompt-1", SessionID: "old", Content: "<why>", Project: "repo", CreatedAt: at("08:00")}
	old := engram.Session{ID: "old", Project: "repo", Directory: "/w", StartedAt: at("07:00")}
	lost := note("obs-lost", "08:00", "lost", 1)
	lost.SessionID = "old"
	return database{
		sessions:     []engram.Session{session},
		observations: []engram.Observation{note("obs-a", "08:00", "a", 1), note("obs-b", "08:00", "b", 1)},
		relations:    []engram.Relation{related("judged", func(r *engram.Relation) { r.Reason = ptr("<b>") })},
		deletions: []engram.Deletion{
			{Kind: engram.SessionRow, Key: "old", Project: "repo", At: at("09:00")},
			{Kind: engram.PromptRow, Key: "prompt-1", Session: "old", Project: "repo", At: at("09:00")},
			{Kind: engram.ObservationRow, Key: "obs-lost", Session: "old", Project: "repo", At: at("09:00")},
		},
	}, []engram.ChunkRows{{Sessions: []engram.Session{old}, Observations: []engram.Observation{lost}, Prompts: []engram.Prompt{prompt}}}
}

// Rows keep one id on all servers if nothing else is in their chunk. What is said of
// rows comes behind them, in the order and the form that readers of all generations
// apply. Source: engram-2.md 2.2 and 7, rules 7, 9, 12, 13, 16 and 17.
func TestMutationsStandBehindRowsInEngramsForm(t *testing.T) {
	m, said := everyKind()
	found := find(t, m, heldIn(t, said...), memories.Scope{Project: "repo"})
	drafts, err := collect(found.Drafts(1<<20, "me", newest, now))
	if err != nil || len(drafts) != 2 {
		t.Fatalf("%d chunks, %v", len(drafts), err)
	}
	want := `{"sessions":null,"observations":null,"prompts":null,"mutations":[` +
		`{"seq":0,"target_key":"","entity":"relation","entity_key":"rel-1","op":"upsert","payload":"{\"sync_id\":\"rel-1\",\"source_id\":\"obs-a\",\"target_id\":\"obs-b\",\"relation\":\"related\",\"reason\":\"\\u003cb\\u003e\",\"judgment_status\":\"judged\",\"project\":\"Repo\",\"created_at\":\"2026-11-22 08:00:00\",\"updated_at\":\"2026-11-22 08:00:00\"}","source":"","project":"Repo","occurred_at":"2026-11-22 08:00:00","disposition":""},` +
		`{"seq":0,"target_key":"","entity":"observation","entity_key":"obs-lost","op":"delete","payload":"{\"sync_id\":\"obs-lost\",\"session_id\":\"old\",\"type\":\"\",\"title\":\"\",\"content\":\"\",\"project\":\"repo\",\"scope\":\"\",\"revision_count\":0,\"duplicate_count\":0,\"deleted\":true,\"deleted_at\":\"2026-11-22 09:00:00\",\"hard_delete\":true}","source":"","project":"repo","occurred_at":"2026-11-22 09:00:00","disposition":""},` +
		`{"seq":0,"target_key":"","entity":"prompt","entity_key":"prompt-1","op":"delete","payload":"{\"sync_id\":\"prompt-1\",\"session_id\":\"old\",\"content\":\"\",\"project\":\"repo\",\"deleted\":true,\"deleted_at\":\"2026-11-22 09:00:00\",\"hard_delete\":true}","source":"","project":"repo","occurred_at":"2026-11-22 09:00:00","disposition":""},` +
		`{"seq":0,"target_key":"","entity":"session","entity_key":"old","op":"delete","payload":"{\"id\":\"old\",\"project\":\"repo\",\"deleted\":true,\"deleted_at\":\"2026-11-22 09:00:00\",\"hard_delete\":true}","source":"","project":"repo","occurred_at":"2026-11-22 09:00:00","disposition":""}]}`
	if diff := cmp.Diff(want, string(drafts[1].Text)); diff != "" {
		t.Error(diff)
	}
	// A disposition is a sign of 2.x, which a directory of 1.x does not get from us.
	older, err := collect(find(t, m, heldIn(t, said...), memories.Scope{Project: "repo", Generation: engram.Gen1}).Drafts(1<<20, "me", newest, now))
	if err != nil || string(older[1].Text) != strings.ReplaceAll(want, `,"disposition":""`, "") {
		t.Errorf("of 1.x: %s, %v", older[1].Text, err)
	}
	rows := contents(t, drafts)
	if len(rows[0].Mutations) > 0 || len(rows[0].Observations) != 2 {
		t.Errorf("rows: %+v", rows[0])
	}
	if rows, said := drafts[0].Entry, drafts[1].Entry; rows.CreatedAt >= said.CreatedAt || said.Memories+said.Sessions+said.Prompts > 0 {
		t.Errorf("entries %+v and %+v", rows, said)
	}
}

// However small chunks have to be, no deletion comes before that of what hangs on it.
func TestMutationsAreSplitInOrder(t *testing.T) {
	m, said := everyKind()
	found := find(t, m, heldIn(t, said...), memories.Scope{Project: "repo"})
	drafts, err := collect(found.Drafts(1, "me", newest, now))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for i, rows := range contents(t, drafts) {
		for _, m := range rows.Mutations {
			order = append(order, m.EntityKey)
			if len(rows.Mutations) != 1 || len(drafts[i].Rows) != 1 {
				t.Errorf("%d mutations for %d rows", len(rows.Mutations), len(drafts[i].Rows))
			}
		}
	}
	if want := []string{"rel-1", "obs-lost", "prompt-1", "old"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
	for i := range drafts[:len(drafts)-1] {
		a, b := drafts[i], drafts[i+1]
		if len(contents(t, drafts[i+1:])[0].Mutations) > 0 && !a.Entry.Time().Before(b.Entry.Time()) {
			t.Errorf("a merge can put %s before %s", b.Entry.ID, a.Entry.ID)
		}
	}
}

// A session without a directory takes nobody with it where it is refused.
// Source: engram-2.md 10.
func TestSessionsWithoutADirectoryAreApart(t *testing.T) {
	first, second, third := session, session, session
	first.ID, first.Directory, first.StartedAt = "t", " ", at("07:00")
	second.ID, second.Directory = "u", ""
	third.ID, third.Directory, third.OwnershipMode = "v", "", engram.ProjectOwned
	id := int64(0)
	in := func(syncID, session string) engram.Observation {
		id++
		o := note(syncID, "08:00", syncID, 1)
		o.ID, o.SessionID = id, session
		return o
	}
	m := database{sessions: []engram.Session{session, first, second, third}, observations: []engram.Observation{
		in("obs-1", "t"), in("obs-2", "s"), in("obs-3", "u"), in("obs-4", "v"), in("obs-5", "s")}}
	found := find(t, m, heldIn(t), memories.Scope{Project: "repo"})
	drafts, err := collect(found.Drafts(1<<20, "me", newest, now))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, rows := range contents(t, drafts) {
		line := drafts[i].NoDirectory + ":"
		for _, o := range rows.Observations {
			line += " " + o.SyncID
		}
		if got = append(got, line); len(rows.Sessions) != 1 {
			t.Errorf("%s has sessions %+v", line, rows.Sessions)
		}
	}
	if diff := cmp.Diff([]string{": obs-2 obs-5", "t: obs-1", "u: obs-3", "v: obs-4"}, got); diff != "" {
		t.Error(diff)
	}
}

// What chunks know of a session is not replaced by less: 1.x forgets a directory for a
// blank one. Source: engram-2.md 2.3 and 7, rule 15.
func TestAKnownDirectoryIsNotForgotten(t *testing.T) {
	blank := session
	blank.Directory = ""
	o := note("obs-1", "08:00", "a", 1)
	o.Project = ptr("repo")
	held := engram.ChunkRows{Sessions: []engram.Session{session}}
	for story, m := range map[string]database{
		"without a directory here": {sessions: []engram.Session{blank}, observations: []engram.Observation{o}},
		"not here at all":          {observations: []engram.Observation{o}},
	} {
		drafts, err := collect(find(t, m, heldIn(t, held), memories.Scope{Project: "repo"}).Drafts(1<<20, "me", newest, now))
		if err != nil || len(drafts) != 1 || drafts[0].NoDirectory != "" {
			t.Fatalf("%s: %+v, %v", story, drafts, err)
		}
		if got := contents(t, drafts)[0]; len(got.Sessions) > 0 || len(got.Observations) != 1 {
			t.Errorf("%s: %+v", story, got)
		}
	}
	blank.EndedAt, blank.Summary = ptr(at("11:00")), ptr("done")
	found := find(t, database{sessions: []engram.Session{blank}}, heldIn(t, held), memories.Scope{Project: "repo"})
	if got := found.Total(); got.NoDirectory != 1 || got.Rows() > 0 {
		t.Errorf("its end: %+v", got)
	}
}

// Source: engram-2.md 7, rule 10.
func TestADeletedRowIsNotOlderThanItsDeletion(t *testing.T) {
	o := deletedAt(note("obs-1", "08:00", "a", 1), "11:00")
	o.UpdatedAt = at("08:00")
	m := database{sessions: []engram.Session{session}, observations: []engram.Observation{o}}
	drafts := draft(t, m, 1<<20)
	if got := contents(t, drafts)[0].Observations[0].UpdatedAt; got != at("11:00") {
		t.Errorf("updated at %s", got)
	}
	exportedOnce(t, m, nil, []string{"a: delete", "session s: older"})
}
