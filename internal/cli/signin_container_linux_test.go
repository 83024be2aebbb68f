package cli

import (
	"errors"
	"io/fs"
	"os"
	osuser "os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestContainer runs engram-sync 100 times where there is neither a HOME nor a
// session bus: every answer comes at once, the program that would start a bus is
// never called, no process is left, and the root directory stays as it is. It is
// not parallel, since it measures time.
func TestContainer(t *testing.T) {
	me, err := osuser.Current()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join("/run/user", me.Uid, "bus")); err == nil {
		t.Skip("there is a session bus here")
	}
	adoptOrphans(t)
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 1, 1000)
	s := newWatchedServer(t)
	called := filepath.Join(t.TempDir(), "called")
	stranger := inContainer(t, s.url, called)
	member := inContainer(t, s.url, called)
	// what a push remembers must not land in the home of who runs this test
	member.env = append(member.env, "ENGRAM_SYNC_TOKEN="+s.token, "XDG_STATE_HOME="+t.TempDir())
	rootBefore, before := namesIn(t, "/"), children(t)

	var slowest time.Duration
	timed := func(run func()) {
		started := time.Now()
		run()
		slowest = max(slowest, time.Since(started))
	}
	for range 25 {
		timed(func() {
			_, errs := stranger.run(4, "auth", "status")
			wantLine(t, errs, "not logged in")
		})
		timed(func() {
			_, errs := stranger.tell(4, "a password", "login", "--identifier", "ana", "--password-stdin")
			wantLine(t, errs, "there is no keyring here: no D-Bus session; set ENGRAM_SYNC_TOKEN")
		})
		timed(func() { member.run(0, "auth", "status") })
		timed(func() { member.run(0, "push", "--dir", source) })
	}
	t.Logf("the slowest of 100 runs took %s", slowest)
	if slowest > 30*time.Second { // go-keyring alone would take two minutes, our bounded wait seconds
		t.Errorf("the slowest run took %s", slowest)
	}
	if _, err := os.Stat(called); err == nil {
		t.Error("a program for D-Bus was started")
	}
	if diff := cmp.Diff(rootBefore, namesIn(t, "/")); diff != "" {
		t.Errorf("the root directory has changed (-before +after):\n%s", diff)
	}
	for _, pid := range children(t) {
		if !slices.Contains(before, pid) { // another test's PostgreSQL may be there
			t.Errorf("a process was left behind: pid %s", pid)
		}
	}
	out, _ := stranger.run(0, "config", "path")
	if want := filepath.Join(me.HomeDir, ".config", "engram-sync", "config.yaml"); strings.TrimSpace(out) != want {
		t.Errorf("without a HOME the config file is %s, want %s", strings.TrimSpace(out), want)
	}
}

// inContainer is a user with an almost empty environment, in which every program
// that has to do with D-Bus leaves a note when it is called.
func inContainer(t *testing.T, remote, called string) *user {
	t.Helper()
	traps := t.TempDir()
	for _, name := range []string{"dbus-launch", "dbus-daemon", "gnome-keyring-daemon"} {
		script := "#!/bin/sh\necho " + name + " >> '" + called + "'\n"
		if err := os.WriteFile(filepath.Join(traps, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path := traps + string(os.PathListSeparator) + os.Getenv("PATH")
	return &user{t: t, where: t.TempDir(), env: []string{raceVariable + "=" + raceOptions, "PATH=" + path, "ENGRAM_SYNC_REMOTE=" + remote}}
}

// adoptOrphans makes the processes that a child leaves behind children of this
// one, so that they can be seen.
func adoptOrphans(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
	})
}

// children are the processes that this one has, those that have ended included.
func children(t *testing.T) (pids []string) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(lists) == 0 {
		t.Fatal("no children are listed", err)
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a thread may have ended
			t.Fatal(err)
		}
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	slices.Sort(names)
	return names
}
