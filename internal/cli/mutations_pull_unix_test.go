//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/state"
)

func journalRequest(r *http.Request) bool { return r.URL.Path == "/sync/mutations/pull" }

// journalServer has a journal of n rows.
func journalServer(t *testing.T, n int) (*watchedServer, *user) {
	t.Helper()
	s := newWatchedServer(t)
	if err := mutate(s.handler, s.token, mutationBatch(n)); err != nil {
		t.Fatal(err)
	}
	return s, newUser(t, s.url, s.token)
}

// wantRows wants the rows from 1 to n in a text, each once and in order.
func wantRows(t *testing.T, text string, n int64) {
	t.Helper()
	got := seqsOf(t, text)
	for i, seq := range got {
		if seq != int64(i+1) {
			t.Fatalf("line %d is row %d", i+1, seq)
		}
	}
	if int64(len(got)) != n {
		t.Fatalf("%d rows, want %d", len(got), n)
	}
}

// TestKilledMutationsPull kills mutations pull --output with SIGKILL at many
// moments, several times in a row. At the end each row is in the file once.
func TestKilledMutationsPull(t *testing.T) {
	skipLong(t)
	t.Parallel()
	const rows = 8000
	s, u := journalServer(t, rows)
	for round := range rounds / 2 {
		file := filepath.Join(t.TempDir(), "out.jsonl")
		args := []string{"mutations", "pull", "--cursor", "round" + string(rune('0'+round)), "--output", file}
		for kill := range 4 {
			cmd := u.command(args...)
			var asked atomic.Int64
			started, wait := make(chan struct{}), time.Duration(kill*round)*time.Millisecond
			s.watch(nil, func(r *http.Request) {
				// one page, and a moment to be somewhere on the way of the next
				if journalRequest(r) && asked.Add(1) == 2 {
					time.AfterFunc(wait, func() {
						<-started
						_ = cmd.Process.Kill() // it may have ended
					})
				}
			})
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			close(started)
			_ = cmd.Wait() // it was killed
		}
		s.watch(nil, nil)
		u.run(0, args...)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, string(text), rows)
	}
}

// TestInterruptedMutationsPull ends with 130, and goes on where it was.
func TestInterruptedMutationsPull(t *testing.T) {
	t.Parallel()
	s, u := journalServer(t, 5000)
	first, errs := u.interrupted(s, journalRequest, syscall.SIGINT, 130, "mutations", "pull")
	wantRows(t, first, 2000)
	wantLine(t, errs, "pulled 2,000 mutations; journal read to 2000 on")
	wantLine(t, errs, "interrupted")
	second, _ := u.run(0, "mutations", "pull")
	wantRows(t, first+second, 5000)
}

// TestClosedPipe has a reader that has seen enough: that is no failure, and a
// page that it did not take comes again.
func TestClosedPipe(t *testing.T) {
	t.Parallel()
	_, u := journalServer(t, 5000)
	cmd := u.command("mutations", "pull")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = stdout.Close() // the rest is not wanted
	if err := cmd.Wait(); err != nil || errs.Len() > 0 {
		t.Errorf("it ended with %v: %s", err, &errs)
	}
	out, _ := u.run(0, "mutations", "pull")
	if seqs := seqsOf(t, out); len(seqs) < 4000 || seqs[len(seqs)-1] != 5000 {
		t.Errorf("the next run gave %d rows", len(seqs))
	}
}

// TestFollowedJournal gives rows as they come, to a pipe, until it is interrupted.
// Between its rounds others may work on the journal.
func TestFollowedJournal(t *testing.T) {
	t.Parallel()
	s, u := journalServer(t, 2)
	cmd := u.command("mutations", "pull", "--follow", "--interval", "1s")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	var text strings.Builder
	read := func(n int) {
		t.Helper()
		for range n {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			text.WriteString(line)
		}
	}
	read(2)
	u.run(0, "mutations", "pull", "--cursor", "another", "--quiet", "--lock-wait", "10s")
	if err := mutate(s.handler, s.token, mutationBatch(3)); err != nil {
		t.Fatal(err)
	}
	read(3)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(lines)
	_ = cmd.Wait() // the code is looked at below
	if code := cmd.ProcessState.ExitCode(); code != 130 || len(rest) > 0 {
		t.Errorf("exit code %d, and then %q", code, rest)
	}
	wantRows(t, text.String(), 5)
	if out, _ := u.run(0, "mutations", "pull"); out != "" {
		t.Errorf("the next run gave %q", out)
	}
}

// TestBusyJournal tells a second run that somebody is at work, or lets it wait.
func TestBusyJournal(t *testing.T) {
	t.Parallel()
	s, u := journalServer(t, 2)
	_, id := auth.OwnerOf(s.token)
	at := slices.IndexFunc(u.env, func(pair string) bool { return strings.HasPrefix(pair, "XDG_STATE_HOME=") })
	dir := filepath.Join(strings.TrimPrefix(u.env[at], "XDG_STATE_HOME="), "engram-sync")
	journal, err := state.OpenAccount(state.In(dir), s.url, "user "+id)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := journal.Lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, errs := u.run(11, "mutations", "pull")
	wantLine(t, errs, "another engram-sync is at work on the journal of")
	_, errs = u.run(11, "mutations", "pull", "--json")
	wantLine(t, errs, `"kind":"locked"`)
	time.AfterFunc(200*time.Millisecond, func() { _ = unlock() })
	out, _ := u.run(0, "mutations", "pull", "--lock-wait", "30s")
	wantRows(t, out, 2)
}

// seqsOf are the numbers of the rows in JSON Lines.
func seqsOf(t testing.TB, text string) []int64 {
	t.Helper()
	var seqs []int64
	for line := range strings.Lines(text) {
		var row struct{ Seq int64 }
		if err := json.Unmarshal([]byte(line), &row); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("not a line: %v: %q", err, line)
		}
		seqs = append(seqs, row.Seq)
	}
	return seqs
}
