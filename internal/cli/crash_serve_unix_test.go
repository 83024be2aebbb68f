//go:build unix

package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestServerKilledUnderLoad kills serve while many clients push chunks: all that it has
// acknowledged is there after its restart, and whole.
func TestServerKilledUnderLoad(t *testing.T) {
	t.Parallel()
	u := newUser(t, "", "")
	for round := range crashRounds() {
		data := t.TempDir()
		url, stop := u.serve("--data", data)
		token, err := registerUser(url, "alice")
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		acknowledged := map[string]string{}
		enough, load := make(chan struct{}), sync.WaitGroup{}
		for worker := range 8 {
			load.Go(func() {
				for n := 0; ; n++ {
					data := fmt.Sprintf(`{"sessions":[],"worker":%d,"n":%d,"filler":%q}`, worker, n, strings.Repeat("x", 2000))
					id := contentID([]byte(data))
					if !pushRaw(t, url, token, id, data) {
						return // the server is gone
					}
					mu.Lock()
					acknowledged[id] = data
					if len(acknowledged) == 40+20*round {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		stop(syscall.SIGKILL)
		load.Wait()

		url, stop = u.serve("--data", data)
		alice := newUser(t, url, token)
		dir := filepath.Join(t.TempDir(), ".engram")
		alice.run(0, "pull", "--dir", dir)
		here := contentsOf(t, dir)
		for id, text := range acknowledged {
			if here[id] != text {
				t.Errorf("round %d: chunk %s was acknowledged, and is lost", round, id)
			}
		}
		if more := len(here) - len(acknowledged); more > 8 {
			t.Errorf("round %d: %d chunks that nobody heard of", round, more)
		}
		t.Logf("round %d: killed after %d chunks were acknowledged: all are there, and %d on the way", round, len(acknowledged), len(here)-len(acknowledged))
		stop(syscall.SIGTERM)
	}
}

// pushRaw sends a chunk once, and says whether the server took it.
func pushRaw(t *testing.T, url, token, id, data string) bool {
	body := fmt.Sprintf(`{"chunk_id":%q,"created_by":"vm","data":%s}`, id, data)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/sync/push", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return false
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// TestServerKilledUnderMutations kills serve while a client pushes mutations, and starts
// it again at the same address: the client goes on by itself, and each row is in the
// journal once, in order.
func TestServerKilledUnderMutations(t *testing.T) {
	t.Parallel()
	u := newUser(t, "", "")
	file := filepath.Join(t.TempDir(), "changes.jsonl")
	want := writeChanges(t, file, 3000)
	for round := range crashRounds() {
		data := t.TempDir()
		url, stop := u.serve("--data", data)
		token, err := registerUser(url, "alice")
		if err != nil {
			t.Fatal(err)
		}
		alice := newUser(t, url, token)
		cmd := alice.command("mutations", "push", file)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		looker := newUser(t, url, token)
		for len(looker.journal()) < 100*(round+1) {
		}
		stop(syscall.SIGKILL)
		_, stop = u.serveAt(strings.TrimPrefix(url, "http://"), "--data", data)
		if err := cmd.Wait(); err != nil {
			t.Errorf("round %d: the client: %v\n%s", round, err, out.String())
		}
		if got := looker.journal(); !slices.Equal(got, want) {
			t.Errorf("round %d: the journal has %d rows, want %d", round, len(got), len(want))
		}
		stop(syscall.SIGTERM)
	}
}

// TestServerKilledUnderPush is that for chunks. The client cannot know of those that were
// on the way: it looks for them for a while, says so, and the next run sends them.
func TestServerKilledUnderPush(t *testing.T) {
	if os.Getenv(wholeMatrix) == "" {
		t.Skip("it takes half a minute: make crash")
	}
	t.Parallel()
	u := newUser(t, "", "")
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 300, 20_000)
	want := contentsOf(t, source)
	for round := range crashRounds() {
		data := t.TempDir()
		url, stop := u.serve("--data", data)
		token, err := registerUser(url, "alice")
		if err != nil {
			t.Fatal(err)
		}
		alice := newUser(t, url, token)
		cmd := alice.command("push", "--dir", source)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		looker := newUser(t, url, token)
		for looker.count() < 10*(round+1) {
		}
		stop(syscall.SIGKILL)
		_, stop = u.serveAt(strings.TrimPrefix(url, "http://"), "--data", data)
		_ = cmd.Wait() // its code is looked at
		if code := cmd.ProcessState.ExitCode(); !slices.Contains([]int{0, 3, 5, 8}, code) {
			t.Errorf("round %d: the client ended with %d\n%s", round, code, out.String())
		}
		alice.minuteLater()
		alice.run(0, "push", "--dir", source)
		alice.run(0, "verify", "--dir", source, "--remote", url)
		if got := looker.count(); got != len(want) {
			t.Errorf("round %d: the server has %d chunks, want %d", round, got, len(want))
		}
		t.Logf("round %d: the client ended with %d", round, cmd.ProcessState.ExitCode())
		stop(syscall.SIGTERM)
	}
}

// count is how many chunks the server has.
func (u *user) count() int {
	u.t.Helper()
	stdout, _ := u.run(0, "manifest", "--json")
	return strings.Count(stdout, `"created_at"`)
}

func crashRounds() int {
	if os.Getenv(wholeMatrix) == "" {
		return 1
	}
	return 10
}
