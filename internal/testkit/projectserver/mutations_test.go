package projectserver_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// Source: project-server.md 4.1 and the order of checks in 13.
func TestBatchesThatAreRefused(t *testing.T) {
	c := start(t, projectserver.Options{})
	c.server.Pause("proj-b", true)
	good := mutation("session", session)
	in := func(project string) string { return strings.Replace(good, "proj-a", project, 1) }
	const relation = `{"sync_id":"r","source_id":"a","target_id":"b","relation":"x","judgment_status":"j","marked_by_actor":"m","marked_by_kind":"k"}`
	badRelation := strings.Replace(relation, `"a"`, `" "`, 1)
	for _, tc := range []struct {
		entries []string
		status  int
		text    string
	}{
		{nil, 400, `"error_class":"repairable","error_code":"empty_batch"`},
		{slices.Repeat([]string{in("nope")}, 101), 400, "batch too large: max 100 entries per request\n"},
		{[]string{in("nope"), in(" ")}, 400, `"error_class":"invalid_request","error_code":"empty_project"`},
		{[]string{in("proj-b"), in("nope")}, 403, "policy_forbidden"},
		{[]string{good, in("proj-b"), mutation("relation", badRelation)}, 409, `{"error":"sync is paused for project \"proj-b\"","error_class":"policy","error_code":"sync-paused","project":"proj-a","project_path":"","project_source":"request_body"}`},
		{[]string{in(" proj-b ")}, 409, "sync-paused"},
		{[]string{good, mutation("relation", badRelation), mutation("relation", `"x"`), mutation("relation", relation)}, 400,
			`{"error":"invalid relation payload","invalid":[{"entity":"relation","field":"source_id","index":1},{"entity":"relation","field":"sync_id","index":2}],"reason_code":"validation_error"}`},
		{[]string{good, mutation("observation", `{"sync_id":"o","session_id":"s","type":"t"}`)}, 500,
			"insert mutations: cloudstore: canonicalize materialized mutation batch chunk: mutations[1]: observation payload title is required for upsert\n"},
		{[]string{mutation("session", `"text"`)}, 500, "materialize mutation batch session \"\": json: cannot unmarshal string into Go value"},
		{[]string{mutation("session", `{"id":5}`)}, 500, "materialize mutation batch"},
		{[]string{mutation("session", `null`)}, 500, "session payload id is required"},
		{[]string{strings.Replace(good, "upsert", "patch", 1)}, 500, `unsupported mutation "session"/"patch"`},
		{[]string{strings.Replace(mutation("relation", relation), "upsert", "delete", 1)}, 500, `unsupported mutation "relation"/"delete"`},
		{[]string{mutation(" relation", badRelation)}, 500, "relation payload source_id is required"},
		{[]string{mutation("session", `{"id":"s","directory":"/","x":"\u0000"}`)}, 500, "SQLSTATE 22P05"},
		{[]string{mutation("session", `{"id":"s","directory":"/","x":"\ud800"}`)}, 500, "SQLSTATE 22P02"},
		{[]string{mutation("session", "{\"id\":\"s\",\"directory\":\"\xff\"}")}, 500, "SQLSTATE 22021"},
	} {
		a := c.mutate(tc.entries...)
		c.is(a, tc.status, tc.text)
		if isText := strings.HasPrefix(a.header.Get("Content-Type"), "text/plain"); isText != !strings.HasPrefix(a.text, "{") {
			t.Errorf("%s: content type %q", a.text, a.header.Get("Content-Type"))
		}
	}
	c.is(c.do("POST", "/sync/mutations/push", `{"mutations":[`+good+`]}`), 400, "empty_batch")
	bad := c.do("POST", "/sync/mutations/push", `{"entries":[`)
	if bad.status != 400 || strings.HasPrefix(bad.text, "{") {
		t.Errorf("bad JSON: %d %s", bad.status, bad.text)
	}
	if len(c.server.Journal()) > 0 || len(c.server.Chunks("proj-a")) > 0 {
		t.Error("part of a refused batch was stored")
	}
}

func TestABatchIsJournalledAndMadeAChunk(t *testing.T) {
	c := start(t, projectserver.Options{})
	entries := []string{
		mutation("session", `{"id":" s1 ","directory":"/","extra":12345678901234567890}`),
		mutation("observation", strings.Replace(observation, `"T"`, `" <T> "`, 1)+`}`),
		`{"project":"proj-b","entity":"prompt","entity_key":"","op":"delete","payload":{"sync_id":"x"}}`,
		mutation("widget", `{"any":1.50}`), // T4
	}
	c.is(c.mutate(entries...), 200, `{"accepted_seqs":[1,2,3,4],"project":"proj-a","project_path":"","project_source":"request_body"}`)
	c.is(c.mutate(entries...), 200, `[5,6,7,8]`) // not idempotent, but for the chunks
	ids := c.server.Chunks("proj-a")
	if len(ids) != 1 || len(c.server.Chunks("proj-b")) != 1 {
		t.Fatalf("chunks %v and %v", ids, c.server.Chunks("proj-b"))
	}
	rows := c.pull("").Mutations
	if got := string(rows[0].Payload); got != `{"id":" s1 ","extra":12345678901234567890,"directory":"/"}` {
		t.Errorf("the journal lost something: %s", got)
	}
	if got := string(rows[3].Payload); got != `{"any":1.50}` || rows[3].Entity != "widget" {
		t.Errorf("got %s of %s", got, rows[3].Entity)
	}
	var chunk map[string][]map[string]any
	if err := json.Unmarshal([]byte(c.do("GET", "/sync/pull/"+ids[0]+"?project=proj-a", "").text), &chunk); err != nil {
		t.Fatal(err)
	}
	if len(chunk["prompts"]) != 0 || chunk["prompts"] == nil || len(chunk["mutations"]) != 2 {
		t.Errorf("got %v", chunk)
	}
	want := map[string]any{"id": " s1 ", "directory": "/", "project": "proj-a", "started_at": ""}
	if diff := cmp.Diff(want, chunk["sessions"][0]); diff != "" {
		t.Errorf("session row (-want +got):\n%s", diff)
	}
	if title := chunk["observations"][0]["title"]; title != " <T> " { // T16
		t.Errorf("title of the row is %q", title)
	}
	if payload := fmt.Sprint(chunk["mutations"][1]["payload"]); !strings.Contains(payload, `"title":"\u003cT\u003e"`) {
		t.Errorf("payload is %s", payload)
	}
}

// T1: entries are authorised by the normalised name and filed under the raw one.
func TestTheBlackHoleOfRawNames(t *testing.T) {
	raw := strings.Replace(mutation("session", session), "proj-a", " PROJ--A ", 1)
	c := start(t, projectserver.Options{})
	c.is(c.mutate(raw), 200, `"project":"PROJ--A"`)
	if rows := c.pull("").Mutations; len(rows) != 0 || len(c.server.Chunks("proj-a")) != 0 {
		t.Errorf("visible: %v %v", rows, c.server.Chunks("proj-a"))
	}
	c.server.Pause("proj-b", true)
	c.is(c.mutate(strings.Replace(raw, " PROJ--A ", "PROJ-B", 1)), 200, "accepted_seqs")

	c = start(t, projectserver.Options{Projects: []string{"*"}})
	c.is(c.mutate(raw), 200, "")
	if rows := c.pull("").Mutations; len(rows) != 1 || rows[0].Project != "PROJ--A" {
		t.Errorf("got %v", rows)
	}
}

// Source: project-server.md 4.2, T5.
func TestPagesOfTheJournal(t *testing.T) {
	c := start(t, projectserver.Options{})
	for range 3 {
		c.is(c.mutate(slices.Repeat([]string{mutation("session", session)}, 50)...), 200, "")
	}
	for query, want := range map[string]struct {
		rows   int
		latest int64
		more   bool
	}{
		"": {100, 100, true}, "since_seq=x": {100, 100, true}, "since_seq=99999999999999999999": {100, 100, true},
		"limit=0": {100, 100, true}, "limit=-1": {100, 100, true}, "limit=x": {100, 100, true}, "limit=1000": {100, 100, true},
		"limit=7&since_seq=10": {7, 17, true}, "since_seq=50": {100, 150, false}, "since_seq=50&project=evil": {100, 150, false},
		"since_seq=149": {1, 150, false}, "since_seq=150": {0, 0, false}, "since_seq=9999": {0, 0, false},
		"Since_Seq=149": {100, 100, true},
	} {
		p := c.pull(query)
		if len(p.Mutations) != want.rows || p.LatestSeq != want.latest || p.HasMore != want.more {
			t.Errorf("%q: %d rows, latest %d, more %t; want %v", query, len(p.Mutations), p.LatestSeq, p.HasMore, want)
		}
	}
	head := `{"has_more":false,"latest_seq":0,"mutations":[],"project":"proj-a","project_path":"","project_source":"request_body"}`
	c.is(c.do("GET", "/sync/mutations/pull?since_seq=150", ""), 200, head)
}

// T3: a number that was taken first can become visible last.
func TestASlowTransactionIsVisibleLate(t *testing.T) {
	c := start(t, projectserver.Options{})
	taken, commit := c.server.HoldNextPush()
	slow := make(chan answer)
	go func() { slow <- c.mutate(mutation("session", session)) }()
	select {
	case <-taken:
	case a := <-slow:
		t.Fatalf("the push was not held: %v", a)
	}
	c.is(c.mutate(mutation("session", session)), 200, "[2]")
	if p := c.pull(""); len(p.Mutations) != 1 || p.Mutations[0].Seq != 2 {
		t.Errorf("while it is held: %v", p)
	}
	commit()
	c.is(<-slow, 200, "[1]")
	if p := c.pull(""); len(p.Mutations) != 2 || p.Mutations[0].Seq != 1 {
		t.Errorf("afterwards: %v", p)
	}
	if p := c.pull("since_seq=2"); len(p.Mutations) != 0 {
		t.Errorf("behind the cursor: %v", p)
	}
}
