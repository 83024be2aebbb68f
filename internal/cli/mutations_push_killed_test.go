package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKilledMutationsPush kills a push of mutations with SIGKILL: before or
// after the server handles one of its batches, or while it puts down what it
// is about to do. Then the next run completes it, and every mutation is in the
// journal once, in order. That holds for a server that knows nothing of
// idempotency too.
func TestKilledMutationsPush(t *testing.T) {
	skipLong(t)
	t.Parallel()
	const batches = rounds
	file := filepath.Join(t.TempDir(), "changes.jsonl")
	want := writeChanges(t, file, batches*100)
	for round := range batches {
		s := newWatchedServer(t)
		if round%3 == 1 { // if nothing was stored, its next run would wait for a minute
			s.handler = likeReference(s.handler)
		}
		u := newUser(t, s.url, s.token)
		cmd := u.command("mutations", "push", file)
		kill := func() { _ = cmd.Process.Kill() } // it may have ended
		started, ended := make(chan struct{}), make(chan struct{})
		var pushes atomic.Int64
		at := func(r *http.Request) {
			<-started
			if pushRequest(r) && pushes.Add(1) == int64(round+1) {
				kill()
			}
		}
		switch round % 3 {
		case 0:
			s.watch(at, nil)
		case 1:
			s.watch(nil, at)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		close(started)
		if round%3 == 2 {
			go killAtTemp(u.stateDir(), round/3, kill, ended)
		}
		err := cmd.Wait()
		close(ended)
		s.watch(nil, nil)
		t.Logf("round %d: killed after %d batches: %v", round, pushes.Load(), err)
		u.run(0, "mutations", "push", file)
		if diff := cmp.Diff(want, u.journal()); diff != "" {
			t.Fatalf("round %d: the journal (-want +got):\n%s", round, diff)
		}
		stdout, _ := u.run(0, "mutations", "push", file)
		if !strings.HasPrefix(stdout, "nothing to do") {
			t.Errorf("round %d: the run after that: %s", round, stdout)
		}
	}
}

// writeChanges writes n mutations, and gives their keys.
func writeChanges(t *testing.T, path string, n int) []string {
	t.Helper()
	var text strings.Builder
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("obs-%d", i)
		fmt.Fprintf(&text, `{"entity":"observation","entity_key":%q,"op":"upsert","payload":{"title":"number %d"}}`+"\n", keys[i], i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return keys
}

// likeReference makes a server that knows no keys and promises nothing.
func likeReference(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Idempotency-Key")
		next.ServeHTTP(w, r)
		for name := range w.Header() {
			if strings.HasPrefix(name, "Engram-Sync-") {
				w.Header().Del(name)
			}
		}
	})
}

// killAtTemp waits for the n-th moment in which a job is being written.
func killAtTemp(dir string, n int, kill func(), ended <-chan struct{}) {
	seen := map[string]bool{}
	for {
		select {
		case <-ended:
			return
		default:
		}
		names, _ := filepath.Glob(filepath.Join(dir, "journals", "*", ".engram-sync-*.tmp")) // not there yet is none
		for _, name := range names {
			if seen[name] = true; len(seen) > n {
				kill()
				return
			}
		}
	}
}

// stateDir is where the user's engram-sync keeps its state.
func (u *user) stateDir() string {
	for _, pair := range u.env {
		if dir, ok := strings.CutPrefix(pair, "XDG_STATE_HOME="); ok {
			return filepath.Join(dir, "engram-sync")
		}
	}
	u.t.Fatal("no state directory")
	return ""
}

// journal are the keys of the user's whole journal.
func (u *user) journal() []string {
	u.t.Helper()
	stdout, _ := u.run(0, "mutations", "pull", "--since", "0", "--quiet")
	keys := []string{}
	for line := range strings.Lines(stdout) {
		var row struct {
			EntityKey string `json:"entity_key"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			u.t.Fatal(err)
		}
		keys = append(keys, row.EntityKey)
	}
	return keys
}
