package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// memoryChunk is a chunk of one memory of its own.
func memoryChunk(who string, n int) []byte {
	return fmt.Appendf(nil, `{"sessions":[{"id":"s-%[1]s","project":"repo","directory":"/w","started_at":"2026-11-22 09:00:00"}],`+
		`"observations":[{"id":1,"sync_id":"obs-%[1]s-%[2]d","session_id":"s-%[1]s","type":"note","title":"T","content":"C","project":"repo","scope":"project",`+
		`"revision_count":1,"duplicate_count":1,"created_at":"2026-11-22 09:00:00","updated_at":"2026-11-22 09:00:00"}],"prompts":null}`, who, n)
}

// fillWith puts chunks of somebody else on a project server, as that one's engram does.
func fillWith(t *testing.T, s *watchedServer, chunks int) {
	t.Helper()
	for n := range chunks {
		body, err := json.Marshal(map[string]any{"project": "repo", "created_by": "ana", "data": json.RawMessage(memoryChunk("ana", n))})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/sync/push", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v", resp.Status, err)
		}
	}
}

// keep puts chunks into a directory, and lists them.
func keep(t *testing.T, dir string, chunks ...[]byte) {
	t.Helper()
	var entries []map[string]any
	for _, content := range chunks {
		id, err := storeChunk(dir, content)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, map[string]any{"id": id, "created_by": "me", "created_at": "2026-11-22T09:00:00Z", "sessions": 1, "memories": 1, "prompts": 0})
	}
	manifest, err := json.Marshal(map[string]any{"version": 1, "chunks": entries})
	if err = errors.Join(err, os.WriteFile(filepath.Join(dir, "manifest.json"), manifest, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// What a project server holds that nobody here knows is read once and never again, and
// only while something of ours is not there.
func TestStrangersAreReadOnce(t *testing.T) {
	strangers := 500
	if testing.Short() {
		strangers = 40
	}
	s := watched(t, projectserver.New(projectserver.Options{Token: "secret-token", Projects: []string{"repo"}}), "secret-token")
	fillWith(t, s, strangers)
	u := newUser(t, s.url, s.token)
	mine := filepath.Join(u.where, ".engram")
	keep(t, mine, memoryChunk("me", 1), memoryChunk("me", 2))

	var reads, others atomic.Int64
	s.watch(func(r *http.Request) {
		if chunkRequest(r) {
			reads.Add(1)
		} else {
			others.Add(1)
		}
	}, nil)
	for _, step := range []struct {
		story string
		args  []string
		reads int
		add   int // a new chunk before it
	}{
		{"who only looks reads them, and keeps nothing", []string{"push", "-n"}, strangers, 0},
		{"the first push reads them", []string{"push"}, strangers, 0},
		{"a second has nothing to ask", []string{"push"}, 0, 0},
		{"a look at something new knows them", []string{"status"}, 0, 3},
		{"so does its push", []string{"push"}, 0, 0},
	} {
		if step.add > 0 {
			keep(t, mine, memoryChunk("me", 1), memoryChunk("me", 2), memoryChunk("me", step.add))
		}
		reads.Store(0)
		others.Store(0)
		began := time.Now()
		u.run(0, append(step.args, "--project", "repo")...)
		t.Logf("%s: %d chunks read, %d other requests, %s", step.story, reads.Load(), others.Load(), time.Since(began).Round(time.Millisecond))
		if int(reads.Load()) != step.reads {
			t.Errorf("%s: %d chunks were read, want %d", step.story, reads.Load(), step.reads)
		}
	}
}
