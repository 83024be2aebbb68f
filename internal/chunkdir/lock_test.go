package chunkdir_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// Where these are set, the test binary is a second engram-sync.
const (
	childJob   = "CHUNKDIR_TEST_CHILD"
	childDir   = "CHUNKDIR_TEST_DIR"
	childState = "CHUNKDIR_TEST_STATE"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(childJob); job != "" {
		if err := runChild(job, os.Getenv(childDir), os.Getenv(childState)); err != nil {
			panic(err) // which the test finds on stderr
		}
		return
	}
	m.Run()
}

// runChild takes the lock, says so, and then works until stdin ends.
func runChild(job, dir, state string) error {
	d, err := chunkdir.Open(dir, chunkdir.Options{StateDir: state})
	if err != nil {
		return err
	}
	unlock, err := d.Lock(context.Background(), 0, job)
	if err != nil {
		return err
	}
	if job == "pull" {
		return writeStalled(d)
	}
	if _, err := fmt.Fprintln(os.Stdout, "ready"); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return unlock()
}

// writeStalled writes half of a chunk, and then waits for the rest.
func writeStalled(d *chunkdir.Dir) error {
	text := chunkText(strings.Repeat("long ", 1<<20))
	source, sink := io.Pipe()
	go func() {
		// Once all of this is taken, some of it was written.
		_, err := sink.Write(text[:len(text)/2])
		if err == nil {
			_, err = fmt.Fprintln(os.Stdout, "ready")
		}
		if err == nil {
			_, err = io.Copy(io.Discard, os.Stdin)
		}
		_ = sink.CloseWithError(cmp.Or(err, io.ErrClosedPipe))
	}()
	chunk := engram.NewChunk(idOf(text), source, 1<<30)
	return d.WriteChunk(context.Background(), chunk)
}

// startChild starts a second process, and waits until it is at work. kill is
// kill -9; end lets it finish.
func startChild(t *testing.T, job, dir, state string) (pid int, kill, end func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childJob+"="+job, childDir+"="+dir, childState+"="+state)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the other process says %q (%v)", line, err)
	}
	kill = func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Error("the other process ended well before it was killed")
		}
	}
	end = func() {
		if err := stdin.Close(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	return cmd.Process.Pid, kill, end
}

func lockable(t *testing.T) (d *chunkdir.Dir, state string) {
	t.Helper()
	state = filepath.Join(t.TempDir(), "state")
	d, err := chunkdir.Create(filepath.Join(t.TempDir(), ".engram"), chunkdir.Options{StateDir: state})
	if err != nil {
		t.Fatal(err)
	}
	return d, state
}

// mustLock takes the lock, and gives it back.
func mustLock(t *testing.T, d *chunkdir.Dir) {
	t.Helper()
	unlock, err := d.Lock(t.Context(), 0, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestLockBetweenProcesses(t *testing.T) {
	d, state := lockable(t)
	begin := time.Now()
	pid, _, end := startChild(t, "push", d.Path(), state)
	_, err := d.Lock(t.Context(), 0, "test")
	var locked *chunkdir.LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("error %v, want a LockedError", err)
	}
	if locked.Since.Before(begin) || locked.Since.After(time.Now()) {
		t.Errorf("held since %v, not after %v", locked.Since, begin)
	}
	want := chunkdir.LockedError{Path: d.Path(), PID: pid, Since: locked.Since, Command: "push"}
	if diff := gocmp.Diff(want, *locked); diff != "" {
		t.Errorf("holder (-want +got):\n%s", diff)
	}
	if text := err.Error(); !strings.Contains(text, "push") || !strings.Contains(text, "--lock-wait") || strings.Contains(text, "\n") {
		t.Errorf("error %q", text)
	}
	if holder, err := d.Holder(t.Context()); err != nil || holder == nil || holder.PID != pid || holder.Command != "push" {
		t.Errorf("the holder is %v, %v", holder, err)
	}
	end()
	if holder, err := d.Holder(t.Context()); err != nil || holder != nil {
		t.Errorf("nobody has it: %v, %v", holder, err)
	}
	mustLock(t, d)
	if left := names(t, d); len(left) != 0 {
		t.Errorf("the lock left %v in the directory", left)
	}
	if notes, err := filepath.Glob(filepath.Join(state, "locks", "*.json")); err != nil || len(notes) != 0 {
		t.Errorf("notes about a lock that nobody holds: %v, %v", notes, err)
	}
}

func TestKilledHolderLeavesNoLock(t *testing.T) {
	d, state := lockable(t)
	_, kill, _ := startChild(t, "push", d.Path(), state)
	kill()
	if holder, err := d.Holder(t.Context()); err != nil || holder != nil { // its note is still there
		t.Errorf("nobody has it: %v, %v", holder, err)
	}
	mustLock(t, d)
}

// A pull is killed while it writes: nothing has the name of a chunk, and what
// is left is swept by the next one with the lock.
func TestKilledWriterLeavesNoChunk(t *testing.T) {
	d, state := lockable(t)
	_, kill, _ := startChild(t, "pull", d.Path(), state)
	kill()
	listing, err := d.Files(t.Context())
	if err != nil || len(listing.Chunks) != 0 || len(listing.Strays) != 1 {
		t.Errorf("listing %v, %v; want one stray", listing, err)
	}
	put(t, filepath.Join(d.Path(), ".engram-sync-killed.tmp"), "half a manifest")
	put(t, filepath.Join(d.Path(), "config.json"), "{}")
	mustLock(t, d)
	if left := names(t, d); !slices.Equal(left, []string{"config.json"}) {
		t.Errorf("after the sweep there is %v", left)
	}
}

// Inside one process the lock excludes too, and who waits gets it.
func TestLockWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := lockable(t)
		unlock, err := d.Lock(t.Context(), 0, "first")
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		var locked *chunkdir.LockedError
		if _, err := d.Lock(t.Context(), 3*time.Second, "second"); !errors.As(err, &locked) || time.Since(begin) != 3*time.Second {
			t.Errorf("after %v: %v, want a LockedError after 3s", time.Since(begin), err)
		}
		ended, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d.Lock(ended, time.Hour, "second"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context that ends: %v", err)
		}
		time.AfterFunc(2*time.Second, func() {
			if err := unlock(); err != nil {
				t.Error(err)
			}
		})
		begin = time.Now()
		unlockSecond, err := d.Lock(t.Context(), time.Hour, "second")
		if err != nil || time.Since(begin) > 3*time.Second {
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
		if err := unlockSecond(); err != nil {
			t.Error(err)
		}
	})
}
