//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestInterrupted sends a signal into the middle of a command: it ends with the
// code of that signal, keeps what is finished, and leaves nothing half-written.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		code   int
	}{
		{"SIGINT", syscall.SIGINT, 130},
		{"SIGTERM", syscall.SIGTERM, 143},
		{"SIGHUP", syscall.SIGHUP, 129},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if signal.Ignored(c.signal) {
				t.Skip("whoever started this ignores it, and so do the processes that it starts")
			}
			source := filepath.Join(t.TempDir(), ".engram")
			makeChunks(t, source, 6, 10_000)
			s := newWatchedServer(t)
			u := newUser(t, s.url, s.token)

			// two chunks get through, the third hangs
			out, errs := u.interrupted(s, pushRequest, c.signal, c.code, "push", "--dir", source, "-j", "1")
			wantLine(t, out, "pushed 2 chunks")
			wantLine(t, errs, "interrupted")
			u.minuteLater()
			out, _ = u.run(0, "push", "--dir", source)
			if !strings.HasPrefix(out, "pushed 3 chunks") && !strings.HasPrefix(out, "pushed 4 chunks") {
				t.Errorf("the next push: %s", out)
			}

			dir := filepath.Join(t.TempDir(), ".engram")
			out, errs = u.interrupted(s, chunkRequest, c.signal, c.code, "pull", "--dir", dir, "-j", "1")
			wantLine(t, out, "pulled 2 chunks")
			wantLine(t, errs, "error: interrupted: 2 chunks done, 4 left; the same command goes on from there")
			if strings.Count(errs, "error:") != 1 || strings.Contains(out+errs, "failed") {
				t.Errorf("an interruption is told as a failure:\n%s%s", out, errs)
			}
			if got := len(contentsOf(t, dir)); got != 2 {
				t.Errorf("%d chunk files after the interruption, want 2", got)
			}
			if got := len(listed(t, dir)); got != 2 {
				t.Errorf("%d entries after the interruption, want 2", got)
			}
			if left := leftovers(t, dir); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			out, _ = u.run(0, "pull", "--dir", dir)
			wantLine(t, out, "pulled 4 chunks")

			// before anything moved, and in JSON
			_, errs = u.interrupted(s, func(*http.Request) bool { return true }, c.signal, c.code, "status", "--dir", dir, "--json")
			wantLine(t, errs, `"message":"interrupted"`)
		})
	}
}

// interrupted runs a command, lets two of the requests that count through (none
// if all count), sends the signal when the next one hangs, and wants the code.
func (u *user) interrupted(
	s *watchedServer, counts func(*http.Request) bool, signal syscall.Signal, code int, args ...string,
) (stdout, stderr string) {
	u.t.Helper()
	cmd := u.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	hanging, release := make(chan struct{}), make(chan struct{})
	var seen atomic.Int64
	pass := int64(2)
	if args[0] == "status" {
		pass = 0
	}
	s.watch(func(r *http.Request) {
		if !counts(r) {
			return
		}
		switch n := seen.Add(1); {
		case n == pass+1:
			close(hanging)
			fallthrough
		case n > pass:
			<-release
		}
	}, nil)
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	<-hanging
	if err := cmd.Process.Signal(signal); err != nil {
		u.t.Fatal(err)
	}
	_ = cmd.Wait() // the code is looked at below
	s.watch(nil, nil)
	close(release)
	if got := cmd.ProcessState.ExitCode(); got != code {
		u.t.Fatalf("engram-sync %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// TestSecondSignalKills interrupts a command that then can't print, since
// nobody reads its output: a second signal ends it all the same.
func TestSecondSignalKills(t *testing.T) {
	t.Parallel()
	if signal.Ignored(syscall.SIGINT) {
		t.Skip("whoever started this ignores it, and so do the processes that it starts")
	}
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 2, 1000)
	s := newWatchedServer(t)
	u := newUser(t, s.url, s.token)
	hanging, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	s.watch(func(r *http.Request) {
		if pushRequest(r) {
			close(hanging)
			<-release
		}
	}, nil)
	cmd := u.command("push", "--dir", source, "-j", "1")
	stdout := fullPipe(t)
	cmd.Stdout = stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-hanging
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	// It has noticed when it says so. Then it hangs at its last line.
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "interrupted") {
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // what became of it is looked at below
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("the second SIGINT did not kill it: %v", cmd.ProcessState)
	}
}

// fullPipe is a pipe that takes no byte more.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
	fd := int(w.Fd()) // once: each call makes it blocking again
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for size := 4096; size > 0; {
		if _, err := syscall.Write(fd, make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	return w
}
