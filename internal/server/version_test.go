package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// The manifest has version 2 as soon as a chunk wants it, and each account its own; the
// chunk comes back as it came.
func TestTheManifestsVersionFollowsTheChunks(t *testing.T) {
	plain := `{"sessions":[{"id":"s","project":"p","directory":"/w"}],"observations":[{"session_id":"s","title":"disposition","content":"\"ownership_mode\":\"project_owned\"","review_after":"2027-01-01"}],"prompts":null}`
	for name, tc := range map[string]struct {
		data string
		want int
	}{
		"1.x":               {plain, 1},
		"no mode":           {`{"sessions":[{"id":"s","ownership_mode":""},{"id":"t","ownership_mode":null}]}`, 1},
		"outside of rows":   {`{"ownership_mode":"project_owned","x":{"ownership_mode":"shared"}}`, 1},
		"a project's":       {`{"sessions":[{"id":"s","ownership_mode":"project_owned"}]}`, 2},
		"an inbox":          {`{"prompts":[{"source_inbox_id":"in-1"}]}`, 2},
		"a disposition":     {`{"mutations":[{"entity":"prompt","disposition":""}]}`, 2},
		"all later members": {fixtures.LaterChunk, 2},
	} {
		c := listen(t, open(t, server.Options{}))
		version := func(want int) {
			t.Helper()
			if r := c.get("/sync/pull"); r.status != 200 || !strings.Contains(r.body, fmt.Sprintf(`"version":%d`, want)) {
				t.Errorf("%s: want version %d: %d %s", name, want, r.status, r.body)
			}
		}
		version(1)
		for i, data := range []string{plain, tc.data, plain} {
			body := fmt.Sprintf(`{"chunk_id":"0000000%d","created_by":"dev","ownership_mode":"project_owned","data":%s}`, i, data)
			if r := c.post("/sync/push", body); r.status != 200 {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
			if r := c.get(fmt.Sprintf("/sync/pull/0000000%d", i)); r.body != body {
				t.Errorf("%s: it comes back as %s", name, r.body)
			}
		}
		version(tc.want)
	}
}

// A store of an earlier release finds out what it has, however that is spelled and
// wherever a piece of it ends, and whoever remembers the manifest gets it anew.
func TestAnEarlierStoreJudgesItsChunks(t *testing.T) {
	spaces := strings.Repeat(" ", 256<<10)
	for i, tc := range []struct {
		data string
		want int
	}{
		{`{"sessions":[{"id":"s","ownership_mode" : "project_owned"}]}`, 2},
		{`{"sessions":[{"id":"s","ownership\u005fmode":"shared"}]}`, 2},
		{`{"sessions":[` + spaces[:len(spaces)-90] + `{"id":"s","ownership_mode":"project_owned","x":"` + spaces + `"}]}`, 2},
		{`{"sessions":[{"id":"s"}],"x":{"ownership_mode":"project_owned"}}`, 1},
	} {
		dir := t.TempDir()
		s, err := server.Open(t.Context(), server.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		c := listen(t, s)
		c.post("/sync/push", fmt.Sprintf(`{"chunk_id":"0000000%d","created_by":"dev","data":%s}`, i, tc.data)).want(t, 200, "")
		tag := c.get("/sync/pull").header.Get("ETag")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		execute(t, dir, fmt.Sprintf(undoQuota+"UPDATE chunks SET version = %d; PRAGMA user_version = 4", 3-tc.want))
		forget(t, dir)
		r := listen(t, open(t, server.Options{Dir: dir})).get("/sync/pull", "If-None-Match: "+tag)
		if r.status != 200 || !strings.Contains(r.body, fmt.Sprintf(`"version":%d`, tc.want)) {
			t.Errorf("%d: want version %d: %d %.200s", i, tc.want, r.status, r.body)
		}
	}
}
