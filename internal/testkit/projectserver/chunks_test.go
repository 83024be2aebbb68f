package projectserver_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// Every confirmed vector gets its id from the double too, and its pulled body
// hashes to that id again once it was encoded; only -0 can't (A8).
func TestVectorsTravelThroughTheServer(t *testing.T) {
	c := start(t, projectserver.Options{Projects: []string{"*"}})
	text, err := os.ReadFile(fixtures.CanonicalVectors())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var v struct{ Project, Data, ID string }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		project, _ := json.Marshal(v.Project)
		c.is(c.do("POST", "/sync/push", `{"project":`+string(project)+`,"data":`+v.Data+`}`), 200,
			`{"chunk_id":"`+v.ID+`","status":"ok"}`)
		query := strings.NewReplacer("<&>", "%3C%26%3E", " ", "%20").Replace(v.Project)
		pulled := c.do("GET", "/sync/pull/"+v.ID+"?project="+query, "")
		encoded, err := canon.Encode([]byte(pulled.text))
		if again := engram.IDOf(sha256.Sum256(encoded)).String(); err != nil || again != v.ID && !strings.Contains(v.Data, "[-0") {
			t.Errorf("%s: pulled %d %s: %v", v.ID, pulled.status, pulled.text, err)
		}
	}
}

// Source: project-server.md 3.7.
func TestPulledBodiesAreTheDatabases(t *testing.T) {
	c := start(t, projectserver.Options{})
	c.is(c.push(`{"bb":[1.50,1e21,1e-7,-0,true,null],"a":"\u003c\u00e9\u2028\n\u0001\"","é":{},"ab":[]}`), 200, "ok")
	id := c.server.Chunks("proj-a")[0]
	a := c.do("GET", "/sync/pull/"+id+"?project=proj-a", "")
	want := `{"a": "<é` + "\u2028" + `\n\u0001\"", "ab": [], "bb": [1.5, 1000000000000000000000, 0.0000001, 0, true, null], "é": {}}`
	if a.text != want || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("got  %s\nwant %s", a.text, want)
	}
}

// Source: project-server.md 3.1, 3.4 and the order of checks in 13.
func TestPushesThatAreRefused(t *testing.T) {
	c := start(t, projectserver.Options{})
	c.server.Pause("Proj-B", true)
	const content = `upgrade_repairable_payload_invalid`
	for _, tc := range []struct {
		body   string
		status int
		text   string
	}{
		{`not json`, 400, content}, {"\ufeff{}", 400, content}, {`{"project":5,"data":{}}`, 400, content},
		{`{"project":"proj-a"}`, 400, `{"error":"data is required","error_class":"repairable","error_code":"upgrade_repairable_payload_invalid"}`},
		{`{"data":{}}`, 400, "upgrade_blocked_project_required"},
		{`{"project":"nope","data":5}`, 403, "policy_forbidden"},
		{`{"project":"proj-b","data":5}`, 409, `{"error":"sync is paused for project \"proj-b\"","error_class":"policy","error_code":"sync-paused","project":"proj-b","project_path":"","project_source":"request_body"}`},
		{`{"project":"proj-a","data":5}`, 400, content},
		{`{"project":"proj-a","data":{},"client_created_at":"yesterday"}`, 400, "client_created_at must be RFC3339"},
		{`{"project":"proj-a","data":{},"client_created_at":"2026-01-02t03:04:05z"}`, 400, "client_created_at must be RFC3339"},
		{`{"project":"proj-a","data":{"sessions":5}}`, 400, "sessions must be an array"},
		{`{"project":"proj-a","data":{"sessions":[` + session + `],"observations":[{"sync_id":"o","session_id":"s","type":"t"}]}}`, 400, "invalid push payload: observations[0].title is required"},
		{`{"project":"proj-a","data":{"observations":[` + strings.Replace(observation, `"s"`, `"ghost"`, 1) + `}]}}`, 400, `observations[0] references missing session_id \"ghost\"`},
		{`{"project":"proj-a","data":{"sessions":[{"id":5}]}}`, 400, "chunk schema: "},
		{`{"project":"proj-a","data":{"mutations":[{"entity":"widget","op":"upsert","payload":"{}"}]}}`, 400, `mutations[0]: unsupported mutation \"widget\"/\"upsert\"`},
		{`{"project":"proj-a","data":{"mutations":[{"entity":"session","op":"delete","entity_key":"other","payload":"{\"id\":\"sm1\"}"}]}}`, 400, `mutations[0]: entity_key \"other\" does not match payload key \"sm1\"`},
		{`{"project":"proj-a","data":{"sessions":[` + session + `],"prompts":[` + prompt + `,"x":"\u0000"}]}}`, 500, `SQLSTATE 22P05)","error_class":"blocked","error_code":"upgrade_blocked_internal"`},
	} {
		c.is(c.do("POST", "/sync/push", tc.body), tc.status, tc.text)
	}
	if ids := c.server.Chunks("proj-a"); len(ids) > 0 || len(c.server.Journal()) > 0 {
		t.Errorf("stored %v, %v", ids, c.server.Journal())
	}
	c.server.Pause("proj-b", false)
	c.is(c.do("POST", "/sync/push?project=proj-a", `{"Project":"PROJ--B","DATA":null} and more`), 200, `"74234e98"`)
	c.is(c.do("POST", "/sync/push?project=proj-a", `{"data":{}}`), 200, `"44136fa3"`)
}

// The number is that of the raw bytes of the JSON value (1, 13). What is small
// enough is refused later, for its project: nothing big has to be stored here.
func TestBodiesAreLimited(t *testing.T) {
	for limit, opts := range map[int]projectserver.Options{8 << 20: {}, 2000: {MaxPushBytes: 2000}} {
		c := start(t, opts)
		body := func(size int) string {
			const head, tail = `{"project":"nope","data":{"x":"`, `"}}`
			return head + strings.Repeat("<", size-len(head)-len(tail)) + tail
		}
		c.is(c.do("POST", "/sync/push", body(limit)), 403, "policy_forbidden")
		c.is(c.do("POST", "/sync/push", body(limit)+strings.Repeat(" ", 100)), 403, "policy_forbidden")
		large := fmt.Sprintf("push payload too large (max %d bytes)", limit)
		a := c.do("POST", "/sync/push", body(limit+1))
		c.is(a, 413, `{"error":"`+large+`","error_class":"repairable","error_code":"upgrade_repairable_payload_too_large"}`)
		c.is(c.do("POST", "/sync/mutations/push", body(limit+1)), 413, large)
	}
}

func TestSessionsAreKnownPerProjectAndForEver(t *testing.T) {
	c := start(t, projectserver.Options{})
	const needs = `{"prompts":[` + prompt + `}]}`
	c.is(c.push(needs), 400, "references missing session_id")
	c.is(c.mutate(mutation("session", session)), 200, "accepted_seqs")
	c.is(c.push(`{"mutations":[{"entity":"session","op":"delete","payload":"{\"id\":\"s\"}"}]}`), 200, "ok")
	c.is(c.push(needs), 200, "ok")
	c.is(c.do("POST", "/sync/push", `{"project":"proj-b","data":`+needs+`}`), 400, "references missing session_id")
}

// Source: project-server.md 3.5.
func TestRowsOfAChunkAreJournalledOnce(t *testing.T) {
	c := start(t, projectserver.Options{})
	data := `{"prompts":[` + prompt + `}],"observations":[` + observation + `,"deleted_at":"d","extra":1}],"sessions":[` + session + `],
		"mutations":[{"entity":"observation","op":"delete","payload":"{\"sync_id\":\"gone\"}"}]}`
	first := c.push(data)
	c.is(c.push(data), 200, first.text)
	var got []string
	for _, r := range c.pull("").Mutations {
		got = append(got, fmt.Sprint(r.Seq, r.Project, r.Entity, r.EntityKey, r.Op, string(r.Payload)))
	}
	want := []string{
		`1proj-asessionsupsert{"id":"s","project":"proj-a","directory":"/","started_at":""}`,
		`2proj-aobservationoupsert{"id":0,"type":"t","scope":"project","title":"T","content":"C","project":"proj-a","sync_id":"o",` +
			`"created_at":"","deleted_at":"d","session_id":"s","updated_at":"","revision_count":0,"duplicate_count":0}`,
		`3proj-apromptpupsert{"id":0,"content":"C","project":"proj-a","sync_id":"p","created_at":"","session_id":"s"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Source: project-server.md 3.6.
func TestTheManifestIsInTheOrderOfArrival(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 600, time.FixedZone("", 3600))
	c := start(t, projectserver.Options{Now: func() time.Time { return now }})
	c.do("POST", "/sync/push", `{"project":"proj-a","created_by":" alice ","client_created_at":" 2030-01-01T00:00:00.9+01:00","data":{"sessions":[`+session+`]}}`)
	c.do("POST", "/sync/push", `{"project":"proj-a","data":{"observations":[`+observation+`}]}}`)
	c.is(c.mutate(mutation("prompt", prompt+`}`)), 200, "")
	ids := c.server.Chunks("proj-a")
	want := fmt.Sprintf(`{"version":1,"chunks":[`+
		`{"id":%q,"created_by":"alice","created_at":"2029-12-31T23:00:00Z","sessions":1,"memories":0,"prompts":0},`+
		`{"id":%q,"created_by":"","created_at":"2026-01-02T02:04:05Z","sessions":0,"memories":1,"prompts":0},`+
		`{"id":%q,"created_by":"mutation-push","created_at":"2026-01-02T02:04:05Z","sessions":0,"memories":0,"prompts":1}]}`, ids[0], ids[1], ids[2])
	if got := c.do("GET", "/sync/pull?project=proj-a", ""); strings.TrimSpace(got.text) != want {
		t.Errorf("got  %s\nwant %s", got.text, want)
	}
}

func TestOneIDForTwoPayloadsIsAConflict(t *testing.T) {
	c := start(t, projectserver.Options{})
	const conflict = `"error_class":"repairable","error_code":"upgrade_repairable_chunk_conflict"`
	c.is(c.push(`{"a":-0}`), 200, "ok")
	c.is(c.push(`{"a":-0}`), 409, conflict) // A8
	c.server.Plant("proj-b", "44136fa3", []byte(`{"x": 1}`))
	c.is(c.do("POST", "/sync/push", `{"project":"proj-b","data":{}}`), 409, conflict)
	c.is(c.do("GET", "/sync/pull/44136fa3?project=proj-b", ""), 200, `{"x": 1}`)
}
