package server_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server"
)

// TestReadyTellsTheTruth: a server is ready while it can keep what it is sent. What a request finds damaged
// makes it of no use for good; a directory that is gone, for as long as it is.
func TestReadyTellsTheTruth(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	s := open(t, server.Options{Dir: dir, Now: func() time.Time { return now }})
	c := listen(t, s)
	const ready, notReady = `{"status":"ready"}` + "\n", `{"reason":"unavailable","status":"not ready"}` + "\n"
	c.as("").get("/ready").want(t, 200, ready)

	spool := filepath.Join(dir, "spool")
	if err := os.Rename(spool, spool+"-away"); err != nil {
		t.Fatal(err)
	}
	c.get("/ready").want(t, 200, ready) // an answer holds for a moment: each one writes to the disk
	now = now.Add(time.Minute)
	c.get("/ready").want(t, 503, notReady)
	c.get("/health").want(t, 200, healthy) // it can still be read from
	if err := os.Rename(spool+"-away", spool); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	c.get("/ready").want(t, 200, ready)

	c.post("/sync/push", `{"chunk_id":"00000001","data":{"prompts":[{"content":"memory"}]}}`).want(t, 200, "")
	damage(t, dir)
	cut(t, c, "/sync/pull/00000001") // its length was told already
	c.get("/ready").want(t, 503, `{"reason":"damaged","status":"not ready"}`+"\n")
	c.get("/health").want(t, 503, `{"database":"damaged","service":"engram-cloud","status":"degraded","version":"0.1.0"}`+"\n")
}

// TestMetrics: what requests came to, and what is kept, are told in the format of Prometheus, under names that
// alert rules can rely on.
func TestMetrics(t *testing.T) {
	s := open(t, server.Options{Metrics: true})
	c := listen(t, s)
	c.post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
	c.get("/sync/pull/00000001").want(t, 200, "")
	c.get("/sync/pull/00000002").want(t, 404, "")
	c.as("wrong").get("/sync/pull").want(t, 401, "")
	c.get("/"+strings.Repeat("x", 50)).want(t, 404, "")
	told := s.Metrics()
	text := scrape(t, told)
	for _, line := range []string{
		`engram_sync_requests_total{code="200",route="POST /sync/push"} 1`,
		`engram_sync_requests_total{code="200",route="GET /sync/pull/{chunk_id}"} 1`,
		`engram_sync_requests_total{code="404",route="GET /sync/pull/{chunk_id}"} 1`,
		`engram_sync_requests_total{code="404",route=""} 1`, // whatever path it was: strangers make no series
		`engram_sync_request_seconds_count{route="POST /sync/push"} 1`,
		`engram_sync_requests_in_flight 0`,
		`engram_sync_rejected_requests_total{reason="credentials"} 1`,
		`engram_sync_rejected_requests_total{reason="rate"} 0`,
		`engram_sync_accounts 1`,
		`engram_sync_chunks 1`,
		`engram_sync_journal_rows 0`,
		`engram_sync_commit_seconds_count 2`, // the account, and the chunk
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	if !regexp.MustCompile(`(?m)^engram_sync_database_bytes [1-9]`).MatchString(text) {
		t.Error("the database has no size")
	}
	if t.Failed() {
		t.Log(text)
	}
}

// cut wants an answer that does not come whole.
func cut(t *testing.T, c client, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	answer, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, answer.Body)
	if _, err := io.Copy(io.Discard, answer.Body); err == nil {
		t.Errorf("%s came whole", path)
	}
}

// scrape is what a handler of metrics tells.
func scrape(t *testing.T, told http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	told.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("a scrape got %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// damage overwrites the page of a database that bodies begin on.
func damage(t *testing.T, dir string) {
	t.Helper()
	execute(t, dir, "PRAGMA wal_checkpoint(TRUNCATE)")
	var page, size int64
	query(t, dir, "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = 'pieces'", &page, &size)
	f, err := os.OpenFile(filepath.Join(dir, "server.db"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, f)
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, int(size)), (page-1)*size); err != nil {
		t.Fatal(err)
	}
}
