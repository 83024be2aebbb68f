//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/crash"
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

// TestCrashOfServe is TestCrash for serve: it makes its database, and takes chunks.
func TestCrashOfServe(t *testing.T) {
	skipLong(t)
	needTracer(t)
	t.Parallel()
	m := crashMatrix{t: t, story: crashStory{name: "serve"}}
	points := m.serve(crash.Fault{})
	for _, fault := range chosenFaults(points) {
		m.serve(fault)
	}
	m.tell(points)
}

// serve runs a server with a fault, and then without.
func (m *crashMatrix) serve(fault crash.Fault) (points []crash.Point) {
	ok := m.t.Run(fmt.Sprintf("%d_%s", fault.At, fault), func(t *testing.T) {
		u := newUser(t, "", "")
		data := t.TempDir()
		cmd := u.command("serve", "--addr", "127.0.0.1:0", "--data", data)
		logged := traced(t, cmd, fault)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stderr)
		acknowledged := map[string]bool{}
		if url := listening(lines); url != "" {
			acknowledged = pushSome(t, url)
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have been killed
		}
		for lines.Scan() { // to its end, as Wait wants it
			if strings.Contains(lines.Text(), "goroutine ") {
				t.Error("it panicked")
			}
		}
		_ = cmd.Wait() // whatever its code
		points = logged()
		m.met(fault, points)

		url, stop := u.serve("--data", data)
		token, err := loginOrRegister(url, "alice")
		if err != nil {
			t.Fatal(err)
		}
		looker := newUser(t, url, token)
		dir := filepath.Join(t.TempDir(), ".engram")
		looker.run(0, "pull", "--dir", dir)
		here := contentsOf(t, dir)
		for id := range acknowledged {
			if here[id] == "" {
				t.Errorf("chunk %s was acknowledged, and is lost", id)
			}
		}
		pushSome(t, url)
		if got := looker.count(); got != 3 {
			t.Errorf("in the end it has %d chunks", got)
		}
		stop(syscall.SIGTERM)
	})
	if !ok {
		m.unwell++
	}
	return points
}

// pushSome pushes three chunks, and gives the ids of those that were acknowledged.
func pushSome(t *testing.T, url string) map[string]bool {
	t.Helper()
	acknowledged := map[string]bool{}
	token, err := loginOrRegister(url, "alice")
	for n := 0; n < 3 && err == nil; n++ {
		data := fmt.Sprintf(`{"sessions":[],"n":%d}`, n)
		id := contentID([]byte(data))
		acknowledged[id] = pushRaw(t, url, token, id, data)
	}
	maps.DeleteFunc(acknowledged, func(_ string, yes bool) bool { return !yes })
	return acknowledged
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
	file := filepath.Join(t.TempDir(), "changes.jsonl")
	want := writeChanges(t, file, 3000)
	for round := range crashRounds() {
		alice, looker, code, stop := killedUnder(t, func(looker *user) bool { return len(looker.journal()) >= 100*(round+1) }, "mutations", "push", file)
		if code != 0 {
			t.Errorf("round %d: the client ended with %d", round, code)
		}
		if got := looker.journal(); !slices.Equal(got, want) {
			t.Errorf("round %d: the journal has %d rows, want %d", round, len(got), len(want))
		}
		out, _ := alice.run(0, "mutations", "push", file)
		wantLine(t, out, "nothing to do")
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
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 300, 20_000)
	for round := range crashRounds() {
		alice, looker, code, stop := killedUnder(t, func(looker *user) bool { return looker.count() >= 10*(round+1) }, "push", "--dir", source)
		if !slices.Contains([]int{0, 3, 5, 8}, code) {
			t.Errorf("round %d: the client ended with %d", round, code)
		}
		alice.minuteLater()
		alice.run(0, "push", "--dir", source)
		alice.run(0, "verify", "--dir", source, "--remote", alice.getenv("ENGRAM_SYNC_REMOTE"))
		if got := looker.count(); got != 300 {
			t.Errorf("round %d: the server has %d chunks", round, got)
		}
		t.Logf("round %d: the client of chunks ended with %d, and its next run sent the rest", round, code)
		stop(syscall.SIGTERM)
	}
}

// killedUnder kills a server while somebody runs a command, as soon as somebody else has
// seen enough, and starts it again at the same address. It gives the command's code.
func killedUnder(t *testing.T, enough func(looker *user) bool, args ...string) (client, looker *user, code int, stop func(syscall.Signal)) {
	t.Helper()
	u, data := newUser(t, "", ""), t.TempDir()
	url, stop := u.serve("--data", data)
	token, err := registerUser(url, "alice")
	if err != nil {
		t.Fatal(err)
	}
	client, looker = newUser(t, url, token), newUser(t, url, token)
	cmd := client.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !enough(looker) {
	}
	stop(syscall.SIGKILL)
	_, stop = u.serveAt(strings.TrimPrefix(url, "http://"), "--data", data)
	_ = cmd.Wait() // its code is looked at
	t.Logf("%s", out.String())
	return client, looker, cmd.ProcessState.ExitCode(), stop
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

// loginOrRegister is registerUser for somebody who may have an account.
func loginOrRegister(url, name string) (token string, err error) {
	if token, err = tokenFor(url+"/auth/login", fmt.Sprintf(`{"identifier":%q,"password":"correct horse"}`, name)); err != nil {
		return registerUser(url, name)
	}
	return token, nil
}
