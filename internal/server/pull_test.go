package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server"
)

func TestTheManifestListsChunksAsTheyCame(t *testing.T) {
	now := newClock()
	c := listen(t, open(t, server.Options{Now: now.Now}))
	c.get("/sync/pull").want(t, 200, `{"chunks":[],"version":1}`+"\n")
	c.post("/sync/push", `{"chunk_id":"ffffffff","created_by":"dev <\"é\">","data":{"sessions":[{"id":"s","project":"p"}],
		"observations":[{"session_id":"s","title":"t","content":"c"},{"session_id":"s","title":"t","content":"c"}],
		"prompts":[{"session_id":"s","content":"c"},{},{"session_id":"s","content":"c"},{"session_id":"s","content":"c"}]}}`).want(t, 200, "")
	now.advance(120 * time.Microsecond)
	c.post("/sync/push", `{"chunk_id":"00000000"}`).want(t, 200, "")
	c.get("/sync/pull").want(t, 200, `{"chunks":[`+
		`{"id":"ffffffff","created_by":"dev \u003c\"é\"\u003e","created_at":"2026-11-23T12:00:00.000000Z","sessions":1,"memories":2,"prompts":3},`+
		`{"id":"00000000","created_by":"","created_at":"2026-11-23T12:00:00.000120Z","sessions":0,"memories":0,"prompts":0}`+
		`],"version":1}`+"\n")
}

func TestAnUnchangedManifestIsNotSentAgain(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	tags := map[string]bool{}
	for i := range 3 {
		tag := c.get("/sync/pull").header.Get("ETag")
		tags[tag] = true
		for header, want := range map[string]int{
			tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, tag[1 : len(tag)-1]: 200,
		} {
			r := c.get("/sync/pull", "If-None-Match: "+header)
			if r.status != want || r.header.Get("ETag") != tag || (want == 304) != (r.body == "") {
				t.Errorf("If-None-Match %s: %d with tag %s, want %d with %s", header, r.status, r.header.Get("ETag"), want, tag)
			}
		}
		c.post("/sync/push", fmt.Sprintf(`{"chunk_id":"0000000%d"}`, i)).want(t, 200, "")
	}
	if len(tags) != 3 {
		t.Errorf("%d different tags for 3 manifests", len(tags))
	}
	// Another account's pushes are not a change.
	before := c.get("/sync/pull").header.Get("ETag")
	c.as(c.as("").register("bob").AccessToken).post("/sync/push", `{"chunk_id":"00000009"}`).want(t, 200, "")
	c.get("/sync/pull", "If-None-Match: "+before).want(t, 304, "")
}

func TestALargeBodyComesBackWholeOrInRanges(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	const size = 3_000_000 // some pieces
	c.do(http.MethodPost, "/sync/push", bigBody("00000001", size)).want(t, 200, "")
	want, err := io.ReadAll(bigBody("00000001", size))
	if err != nil {
		t.Fatal(err)
	}
	r := c.get("/sync/pull/00000001")
	r.want(t, 200, string(want))
	sum := sha256.Sum256(want)
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	got := map[string]string{}
	for _, name := range []string{"Content-Type", "Content-Length", "Accept-Ranges", "Etag"} {
		got[name] = r.header.Get(name)
	}
	if diff := cmp.Diff(map[string]string{"Content-Type": "application/json", "Content-Length": "3000000", "Accept-Ranges": "bytes", "Etag": tag}, got); diff != "" {
		t.Error(diff)
	}
	for _, span := range [][2]int{{0, 0}, {262_143, 262_144}, {262_144, 1_000_000}, {2_999_999, 2_999_999}} {
		c.get("/sync/pull/00000001", fmt.Sprintf("Range: bytes=%d-%d", span[0], span[1])).
			want(t, http.StatusPartialContent, string(want[span[0]:span[1]+1]))
	}
	c.get("/sync/pull/00000001", "Range: bytes=2999990-", `If-Range: "other"`).want(t, 200, string(want))
	c.get("/sync/pull/00000001", "Range: bytes=3000000-").want(t, http.StatusRequestedRangeNotSatisfiable, "")
	c.get("/sync/pull/00000001", "If-None-Match: "+tag).want(t, http.StatusNotModified, "")
}

// A fault of the database is never told as an absent chunk, nor told in detail.
func TestDatabaseFaultsAreNotHidden(t *testing.T) {
	dir := t.TempDir()
	c := listen(t, open(t, server.Options{Dir: dir}))
	execute(t, dir, "ALTER TABLE chunks RENAME TO gone")
	internal := failure("internal error")
	c.get("/sync/pull").want(t, 500, internal)
	c.get("/sync/pull/0cdb38de").want(t, 500, internal)
	c.post("/sync/push", `{"chunk_id":"0cdb38de"}`).want(t, 500, internal)
}

// A body that cannot be read to its end must not look complete.
func TestABrokenBodyIsCutOff(t *testing.T) {
	dir := t.TempDir()
	c := listen(t, open(t, server.Options{Dir: dir}))
	c.do(http.MethodPost, "/sync/push", bigBody("00000001", 1_000_000)).want(t, 200, "")
	execute(t, dir, "DELETE FROM pieces WHERE start > 0")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/sync/pull/00000001", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, resp.Body)
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes, and no error", n)
	}
}
