package canon_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"testing"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// vector is a document, and the id that a live server gave it. Source: project-server.md 13.
type vector struct {
	Project string `json:"project"`
	Data    string `json:"data"`
	ID      string `json:"id"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile(fixtures.CanonicalVectors())
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) != 100 {
		t.Fatalf("%d vectors, want 100", len(all))
	}
	return all
}

func TestIDsAreThoseOfALiveServer(t *testing.T) {
	for i, v := range vectors(t) {
		got, err := canon.Of(engram.Gen1).Canonical([]byte(v.Data), v.Project)
		if err != nil {
			t.Errorf("vector %d: %s: %v", i, v.Data, err)
			continue
		}
		if id := idOf(got); id != v.ID {
			t.Errorf("vector %d: id %s, want %s\n in %s\nout %s", i, id, v.ID, v.Data, got)
		}
		problems, err := canon.Of(engram.Gen1).Validate([]byte(v.Data), v.Project, noSession)
		if err != nil || len(problems) > 0 {
			t.Errorf("vector %d was accepted by the server, but here: %v %v\n%s", i, problems, err, v.Data)
		}
	}
}

func noSession(string) bool { return false }

func idOf(canonical []byte) string { return engram.IDOf(sha256.Sum256(canonical)).String() }
