package projectserver_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// each runs a test on a server of each release, with the number of its line.
func each(t *testing.T, opts projectserver.Options, test func(c *client, generation int)) {
	t.Helper()
	for release, generation := range map[projectserver.Release]int{
		projectserver.Release1161: 1, projectserver.Release120: 1, projectserver.Release2: 2, projectserver.Release3: 3,
	} {
		t.Run(string(release), func(t *testing.T) {
			opts.Release, opts.Token, opts.Managed = release, token, true
			test(start(t, opts), generation)
		})
	}
}

// Source: engram-2.md 4.1.
func TestProbesOfGenerations(t *testing.T) {
	each(t, projectserver.Options{}, func(c *client, generation int) {
		version, status := "1", http.StatusNotFound
		if generation > 1 {
			version = "2"
		}
		if generation > 2 {
			status = http.StatusUnauthorized
		}
		c.is(c.do("GET", "/sync/pull?project=proj-a", ""), 200, `{"version":`+version+`,`)
		c.token = ""
		c.is(c.do("POST", "/sync/session-authorities", ""), status, "")
	})
}

// Source: engram-2.md 4.3, 10.
func TestBodiesOfGenerations(t *testing.T) {
	each(t, projectserver.Options{MaxPushBytes: 300}, func(c *client, generation int) {
		if generation == 1 {
			c.is(c.do("POST", "/sync/push", `{"project":"proj-a","data":{}}x`, "Content-Type: ;"), 200, "")
			return
		}
		body := `{"project":"proj-a","data":{"a":"b"}}`
		large := `{"project":"proj-a","data":{"a":"` + strings.Repeat("b", 300) + `"}}`
		for _, tc := range []struct {
			body, kind string
			status     int
			text       string
		}{
			{zip(t, body), compressedType, 200, "ok"},
			{zip(t, body), "text/plain", 200, "ok"},
			{body, "", 200, "ok"},
			{body, compressedType, 400, "upgrade_repairable_payload_invalid"},
			{zip(t, body), strings.Replace(compressedType, "=1", "=2", 1), 415, "upgrade_repairable_payload_invalid"},
			{body, "application/json;;", 415, "upgrade_repairable_payload_invalid"},
			{body + "x", "application/json", 400, `(content-type: \"application/json\")`},
			{large, "application/json", 413, `"push payload too large (max 300 bytes)"`},
			{zip(t, large), compressedType, 413, `"decoded push payload too large (max 300 bytes)"`},
			{zip(t, large), "application/json", 413, `"error_code":"upgrade_repairable_payload_too_large"`},
		} {
			c.is(c.do("POST", "/sync/push", tc.body, "Content-Type: "+tc.kind), tc.status, tc.text)
		}
		for _, accept := range []string{compressedType, "application/json"} {
			a := c.do("GET", "/sync/pull/"+c.server.Chunks("proj-a")[0]+"?project=proj-a", "", "Accept: "+accept)
			if a.header.Get("Content-Type") != accept || a.header.Get("Vary") != "Accept" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v", a.header)
			}
		}
		entry := `{"entries":[` + mutation("session", session) + `]}`
		c.is(c.do("POST", "/sync/mutations/push", entry+"x"), 200, "accepted_seqs")
		c.is(c.do("POST", "/sync/mutations/push", zip(t, entry), "Content-Type: "+compressedType), 400, "invalid request body")
	})
}

// Source: engram-2.md 4.2.
func TestGrantsOfGenerations(t *testing.T) {
	each(t, projectserver.Options{Projects: []string{"*"}}, func(c *client, generation int) {
		m := c.server.Member("mia")
		m.Grant("proj-a", true)
		if c.token = "mia"; c.do("GET", "/sync/pull?project=proj-a", "").status == 401 {
			return // there are no managed users
		}
		text := "forbidden: project is not allowed"
		if generation > 1 {
			text = `forbidden: project \"proj-b\" is not allowed`
		}
		c.is(c.do("GET", "/sync/pull?project=Proj-B", ""), 403, text)
		c.is(c.do("GET", "/sync/pull?project=proj-a", ""), 200, "")
		m.Grant("*", true)
		c.is(c.do("GET", "/sync/pull?project=Proj-B", ""), 200, "")
	})
}

// Source: engram-2.md 4.3, 4.4.
func TestChunksOfGenerations(t *testing.T) {
	each(t, projectserver.Options{}, func(c *client, generation int) {
		owned := `{"id":"s","ownership_mode":"project_owned"}`
		answer, status := c.push(`{"sessions":[`+owned+`]}`), 400
		if generation == 3 {
			status = 200
		}
		c.is(answer, status, "")
		upsert, _ := json.Marshal(`{"id":"s","directory":"/","ownership_mode":"project_owned"}`) // a string
		relation, _ := json.Marshal(`{"sync_id":"r","source_id":"o","target_id":"o","relation":"x","judgment_status":"j","marked_by_actor":"m","marked_by_kind":"k"}`)
		before := len(c.server.Journal())
		c.is(c.push(`{"sessions":[{"id":"s","directory":"/","ownership_mode":"project_owned"}],"mutations":[
			{"entity":"session","op":"upsert","payload":`+string(upsert)+`},
			{"entity":"relation","op":"upsert","payload":`+string(relation)+`},
			{"entity":"prompt","op":"delete","payload":"{\"sync_id\":\"p\"}"}]}`), 200, "")
		var filed []string
		for _, row := range c.server.Journal()[before:] {
			filed = append(filed, row.Entity+" "+row.Op)
		}
		want := "session upsert"
		if c.do("GET", "/admin/users", "").status == 200 {
			want += " relation upsert"
		}
		if generation > 1 {
			want += " prompt delete"
		}
		if got := strings.Join(filed, " "); got != want {
			t.Errorf("filed %s, want %s", got, want)
		}
		body := string(c.server.Bodies("proj-a")[len(c.server.Bodies("proj-a"))-1])
		owners := strings.Count(body, "project_owned") + strings.Count(string(c.server.Journal()[before].Payload), "project_owned")
		if dispositions := strings.Count(body, `"disposition": ""`); generation == 1 && dispositions+owners != 1 || generation > 1 && (dispositions != 3 || owners != 3) {
			t.Errorf("%d owners, %d dispositions: %s", owners, dispositions, body)
		}
	})
}

// Source: engram-2.md 4.5, 10.
func TestMutationsOfGenerations(t *testing.T) {
	each(t, projectserver.Options{}, func(c *client, generation int) {
		if generation == 1 {
			return
		}
		const given = `{"sync_id":"o2","session_id":"s","type":"t","title":" T ","content":"C","scope":"project","more":1}`
		c.is(c.mutate(strings.Replace(mutation("observation", `{"sync_id":"o"}`), "proj-a", " PROJ--A", 1), mutation("session", `{"id":"x"}`), mutation("observation", given)), 200, "")
		var journal []string
		for _, row := range c.server.Journal() {
			journal = append(journal, row.Project+" "+row.EntityKey+" "+string(row.Payload))
		}
		want := `proj-a o {"type": "legacy", "scope": "project", "title": "o", "content": "o", "project": "proj-a", "sync_id": "o", "session_id": "legacy-o"}
proj-a x {"id": "x", "project": "proj-a", "directory": "."}
proj-a o2 {"type": "t", "scope": "project", "title": "T", "content": "C", "project": "proj-a", "sync_id": "o2", "session_id": "s"}`
		if got := strings.Join(journal, "\n"); got != want {
			t.Errorf("the journal has\n%s\nwant\n%s", got, want)
		}
		c.is(c.do("GET", "/sync/pull?project=proj-a", ""), 200, `"created_by":"unknown"`)
		c.is(c.mutate(mutation("session", session), mutation("widget", `{}`), mutation("relation", `{"sync_id":"r"}`),
			mutation("session", `{"id":"s","directory":" "}`), mutation("session", "{\"id\":\"s\",\"directory\":\"\xff\"}"),
			strings.Replace(mutation("prompt", prompt+"}"), `"entity_key":""`, `"entity_key":"other"`, 1),
		), 400, `{"error":"invalid mutation payload","error_class":"repairable","error_code":"upgrade_repairable_payload_invalid","invalid":[`+
			`{"entity":"widget","field":"payload","index":1},{"entity":"relation","field":"source_id","index":2},{"entity":"session","field":"payload","index":3},`+
			`{"entity":"session","field":"payload","index":4},{"entity":"prompt","field":"payload","index":5}],"reason_code":"validation_error"}`)
		if n := len(c.server.Journal()); n != 3 {
			t.Errorf("%d rows: part of a refused batch was stored", n)
		}
		c.is(c.mutate(mutation("session", `{"id":"s","directory":"\u0000"}`)), 500, `index 0, entity "session"`)
		c.server.Pause("proj-a", true)
		c.is(c.mutate(strings.Replace(mutation("session", session), "proj-a", "PROJ-A", 1)), 409, "sync-paused")
	})
}
