//go:build unix

package cli

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// TestWatched is a day of `sync --watch`: memories are in chunks and on the server soon after engram has them, chunks of others
// come, a server that is away is told once, one process watches, and Ctrl-C ends it.
func TestWatched(t *testing.T) {
	t.Parallel()
	s := newWatchedServer(t)
	u := newUser(t, s.url, s.token)
	database := filepath.Join(u.home, ".engram", "engram.db")
	text, err := os.ReadFile(fixtures.Database("1.20"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(database), 0o700); err != nil {
		t.Fatal(err)
	}
	u.where = filepath.Join(u.where, "tidewatch") // which names the project
	if err := os.MkdirAll(u.where, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(u.where, "backup")
	makeChunks(t, dir, 2, 100)

	args := []string{"sync", "--export", "--watch", "--interval", "1s", "--dir", dir, "--retries", "0"}
	cmd := u.command(args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(database, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout, stderr := bufio.NewReader(out), bufio.NewReader(errs)
	wantNext := func(from *bufio.Reader, want string) {
		t.Helper()
		line, err := from.ReadString('\n')
		if err != nil || !strings.Contains(line, want) {
			t.Fatalf("the next line is %q (%v), want %q", line, err, want)
		}
	}
	wantNext(stdout, "exported 3 chunks, pushed 5 chunks")

	// Another one is refused; a single run is not.
	if _, refused := u.run(11, args...); !strings.Contains(refused, "another sync --watch is at work on "+dir) {
		t.Error(refused)
	}
	u.run(0, "status", "--dir", dir, "--lock-wait", "10s")

	// Somebody else pushes.
	other := filepath.Join(u.where, "other")
	makeChunks(t, other, 1, 300)
	u.run(0, "push", "--dir", other, "--quiet")
	wantNext(stdout, "pulled 1 chunk")

	// The server is away for some rounds, and comes back: that is told once.
	refused := make(chan struct{})
	s.watch(func(*http.Request) {
		refused <- struct{}{}
		panic(http.ErrAbortHandler)
	}, nil)
	for range 4 {
		<-refused
	}
	s.watch(nil, nil)
	wantNext(stderr, "error: ")
	wantNext(stderr, " working again")
	makeChunks(t, other, 1, 400)
	u.run(0, "push", "--dir", other, "--quiet")
	wantNext(stdout, "pulled 1 chunk")

	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(stderr)
	_ = cmd.Wait() // the code is looked at below
	if code := cmd.ProcessState.ExitCode(); code != 0 || len(rest) > 0 {
		t.Errorf("exit code %d, and then %q", code, rest)
	}
}
