package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// TestDatabaseArrives pushes the journals that real releases of engram wrote,
// and compares what the server has with them, row by row.
func TestDatabaseArrives(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"1.9.4", "1.16.1"} {
		path := filepath.Join(t.TempDir(), "engram.db")
		content, err := os.ReadFile(fixtures.Database(release))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := engramdb.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := db.Journal(t.Context(), 0, 1000, false)
		if err != nil || len(rows) != 25 {
			t.Fatalf("%s: %d rows (%v)", release, len(rows), err)
		}
		s := newWatchedServer(t)
		u := newUser(t, s.url, s.token)
		u.run(0, "mutations", "push", "--db", path)
		stdout, _ := u.run(0, "mutations", "pull", "--since", "0", "--quiet")
		got := strings.Split(strings.TrimSpace(stdout), "\n")
		if len(got) != len(rows) {
			t.Fatalf("%s: the journal has %d rows, want %d", release, len(got), len(rows))
		}
		for i, line := range got {
			e, err := engram.ParseMutation([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			want := rows[i]
			if e.Entity != want.Entity || e.EntityKey != want.EntityKey || e.Op != want.Op || !sameJSON(t, e.Payload, want.Payload) {
				t.Errorf("%s: row %d is %s, want %+v", release, i, line, want)
			}
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
			t.Errorf("%s: the database was changed (%v)", release, err)
		}
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

// TestPoisonedMutation: one mutation of a thousand is refused for what it says,
// in the words of the reference server. The others arrive.
func TestPoisonedMutation(t *testing.T) {
	t.Parallel()
	s := newWatchedServer(t)
	next := likeReference(s.handler)
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(bytes.Buffer)
		if _, err := body.ReadFrom(r.Body); err != nil {
			t.Error(err)
		}
		if bytes.Contains(body.Bytes(), []byte(`"obs-617"`)) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"error":"failed to append mutations: cloudstore: insert mutation: pq: unsupported Unicode escape sequence (22P05)"}`))
			return
		}
		again := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), body)
		again.Header = r.Header
		next.ServeHTTP(w, again)
	})
	u := newUser(t, s.url, s.token)
	file, rejects := filepath.Join(t.TempDir(), "changes.jsonl"), filepath.Join(t.TempDir(), "rejects.jsonl")
	keys := writeChanges(t, file, 1000)
	stdout, stderr := u.run(3, "mutations", "push", file, "--rejects", rejects)
	if !strings.Contains(stdout, "pushed 999 mutations, 1 rejected; ") || !strings.Contains(stderr, "changes.jsonl:618: ") {
		t.Errorf("%s%s", stdout, stderr)
	}
	want := append(append([]string{}, keys[:617]...), keys[618:]...)
	if diff := cmp.Diff(want, u.journal()); diff != "" {
		t.Errorf("the journal (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(rejects)
	if err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), `"line":618`) ||
		!strings.Contains(string(text), `"entity_key":"obs-617"`) || !strings.Contains(string(text), "22P05") {
		t.Errorf("the rejects are %q (%v)", text, err)
	}
}

// TestPushWithAnAPIKey: nobody knows whose journal it is before it has a row.
// What was remembered until then belongs to the account afterwards.
func TestPushWithAnAPIKey(t *testing.T) {
	t.Parallel()
	s := newWatchedServer(t)
	login := newUser(t, s.url, s.token)
	stdout, _ := login.run(0, "auth", "api-key", "create", "--json")
	var created struct {
		Key string `json:"api_key"`
	}
	if err := json.Unmarshal([]byte(stdout), &created); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "changes.jsonl")
	writeChanges(t, file, 10)
	token := "ENGRAM_SYNC_TOKEN=" + s.token
	for _, as := range []string{"ENGRAM_SYNC_TOKEN=" + created.Key, token, "ENGRAM_SYNC_TOKEN=" + created.Key} {
		login.env = append(login.env, as) // the last one counts
		login.run(0, "mutations", "push", file)
	}
	if n := len(login.journal()); n != 10 {
		t.Errorf("the journal has %d rows, want 10", n)
	}
}

// waiting is a stdin that somebody has open and writes nothing to.
type waiting struct{ asked, over chan struct{} }

func (w waiting) Read([]byte) (int, error) {
	close(w.asked)
	<-w.over
	return 0, io.EOF
}

// A signal ends a push that waits for its stdin.
func TestInterruptedWhileWaitingForStdin(t *testing.T) {
	t.Parallel()
	stdin := waiting{make(chan struct{}), make(chan struct{})}
	defer close(stdin.over)
	ctx, cancel := context.WithCancelCause(t.Context())
	code := make(chan int, 1)
	term := terminal.New(stdin, io.Discard, io.Discard)
	go func() {
		code <- run(ctx, term, workspace.New(term, nil, "dev"), []string{"mutations", "push", "--remote", "http://127.0.0.1:1"})
	}()
	<-stdin.asked
	cancel(&terminal.Interrupted{Signal: syscall.SIGTERM})
	if got := <-code; got != 143 {
		t.Errorf("exit code %d", got)
	}
}
