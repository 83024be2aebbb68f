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
