//go:build !windows

package engramdb_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// nobody is a user without rights on any system.
const nobody = 65534

// state is a database as engram left it, and how many memories it has.
type state struct {
	path string
	want int
}

func states(t *testing.T) map[string]state {
	t.Helper()
	return map[string]state{
		"closed":          {fixture(t, "1.16.1"), 7},
		"killed":          {killed(t, true), 9},
		"log, no -shm":    {killed(t, false), 9},
		"unreadable -shm": {killed(t, true), 9},
	}
}

// Nothing can be made beside the database, and nothing has to be.
func TestADirectoryThatIsReadOnly(t *testing.T) {
	if os.Geteuid() == 0 {
		runAsNobody(t) // root may write anywhere
		return
	}
	for name, tc := range states(t) {
		dir := filepath.Dir(tc.path)
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			chmod(t, file, 0o400)
		}
		if name == "unreadable -shm" {
			chmod(t, tc.path+"-shm", 0)
		}
		chmod(t, dir, 0o500)
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
		before := listing(t, dir)
		if n := useAll(t, tc.path); n != tc.want {
			t.Errorf("%s: %d memories, want %d", name, n, tc.want)
		}
		if after := listing(t, dir); after != before {
			t.Errorf("%s: the directory was\n%sand is\n%s", name, before, after)
		}
	}
}

// root reads over a user's shoulder: with sudo, or in a container.
func TestAnotherUsersDatabase(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	for name, tc := range states(t) {
		dir, copies := filepath.Dir(tc.path), temporary(t)
		giveAway(t, dir)
		before, shm := listing(t, dir), sharedMemory(t, tc.path)
		if n := useAll(t, tc.path); n != tc.want {
			t.Errorf("%s: %d memories, want %d", name, n, tc.want)
		}
		if after := listing(t, dir); after != before || sharedMemory(t, tc.path) != shm {
			t.Errorf("%s: the directory was\n%sand is\n%s", name, before, after)
		}
		if left := listing(t, copies); left != "" {
			t.Errorf("%s: left behind: %s", name, left)
		}
	}
}

// Copies are taken while the owner saves without a pause.
func TestAnotherUsersDatabaseInUse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	path := fixture(t, "1.16.1")
	giveAway(t, filepath.Dir(path))
	other := start(t, "serve", path)
	db := open(t, path)
	for range 20 {
		if memories, journal := counts(t, db); memories-7 != journal-25 {
			t.Fatalf("%d memories and %d rows of the journal: half a transaction", memories-7, journal-25)
		}
	}
	saved := other.end(t)
	if memories, _ := counts(t, db); memories != 7+saved {
		t.Errorf("%d saved, %d memories", saved, memories)
	}
}

// runAsNobody runs the calling test once more, as a user without rights.
func runAsNobody(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "engramdb-test-") //nolint:usetesting // t.TempDir is within a directory that only we may enter
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "test")
	copyFile(t, self, program)
	chmod(t, program, 0o755)
	giveAway(t, dir)
	chmod(t, dir, 0o700)
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// giveAway makes nobody the owner of a directory and the files in it.
func giveAway(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, dir) {
		if err := os.Chown(file, nobody, nobody); err != nil {
			t.Skip(err)
		}
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// sharedMemory is what the -shm says; nobody has it open here.
func sharedMemory(t *testing.T, path string) string {
	t.Helper()
	if _, err := os.Stat(path + "-shm"); err != nil {
		return ""
	}
	return contents(t, path+"-shm")
}
