package engramdb_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// useAll calls everything that reads.
func useAll(t *testing.T, path string) (memories int) {
	t.Helper()
	db := open(t, path)
	if _, err := db.Journal(t.Context(), 0, 100, true); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.JournalStart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	return len(read(t, db).Observations)
}

// temporary makes a directory the place for private copies.
func temporary(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // Windows
	return dir
}

func TestAClosedDatabaseIsLeftAsItWas(t *testing.T) {
	for _, release := range fixtures.Releases {
		path, copies := fixture(t, release), temporary(t)
		before, bytes := listing(t, filepath.Dir(path)), contents(t, path)
		if n := useAll(t, path); n != 7 {
			t.Errorf("%d memories", n)
		}
		if after := listing(t, filepath.Dir(path)); after != before {
			t.Errorf("%s: the directory was\n%sand is\n%s", release, before, after)
		}
		if contents(t, path) != bytes {
			t.Errorf("%s: the database has changed", release)
		}
		if left := listing(t, copies); left != "" {
			t.Errorf("left behind: %s", left)
		}
	}
}

// What engram leaves when it is killed: all that was saved is in the log.
func TestWhatIsInTheLogAloneIsSeen(t *testing.T) {
	for _, withSHM := range []bool{true, false} {
		path := killed(t, withSHM)
		copies := temporary(t)
		before, bytes, log := names(t, filepath.Dir(path)), contents(t, path), contents(t, path+"-wal")
		if n := useAll(t, path); n != 9 {
			t.Errorf("-shm %v: %d memories, want the 2 in the log too", withSHM, n)
		}
		if after := names(t, filepath.Dir(path)); after != before {
			t.Errorf("-shm %v: the directory was\n%sand is\n%s", withSHM, before, after)
		}
		if contents(t, path) != bytes || contents(t, path+"-wal") != log {
			t.Errorf("-shm %v: the database or its log has changed", withSHM)
		}
		if left := listing(t, copies); left != "" {
			t.Errorf("left behind: %s", left)
		}
	}
}

func TestALiveWritersFilesAreLeftAsTheyWere(t *testing.T) {
	path := fixture(t, "1.16.1")
	execSQL(t, writer(t, path), addMemory, "in the log")
	before := listing(t, filepath.Dir(path))
	if n := useAll(t, path); n != 8 {
		t.Errorf("%d memories", n)
	}
	if after := listing(t, filepath.Dir(path)); after != before {
		t.Errorf("the directory was\n%sand is\n%s", before, after)
	}
}

// engram has opened its database, and written nothing yet.
func TestAnEmptyLogIsNoNewDatabase(t *testing.T) {
	path := fixture(t, "1.16.1")
	if err := os.WriteFile(path+"-wal", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := listing(t, filepath.Dir(path))
	if n := useAll(t, path); n != 7 {
		t.Errorf("%d memories", n)
	}
	if after := listing(t, filepath.Dir(path)); after != before {
		t.Errorf("the directory was\n%sand is\n%s", before, after)
	}
}

func TestAPrivateCopyCannotBeLeftBehind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be removed")
	}
	path, copies := fixture(t, "1.9.4"), temporary(t)
	err := open(t, path).Snapshot(t.Context(), func(s *engramdb.Snapshot) error {
		if seen := listing(t, copies); seen != "" {
			t.Errorf("a crash would leave behind: %s", seen)
		}
		_, err := rowsOf(t, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// killed gives a database with 9 memories, 2 of them in its log alone.
func killed(t testing.TB, withSHM bool) (path string) {
	t.Helper()
	alive := fixture(t, "1.16.1")
	w := writer(t, alive)
	execSQL(t, w, addMemory, "first")
	execSQL(t, w, addMemory, "second")
	path = filepath.Join(t.TempDir(), "engram.db")
	copyFile(t, alive, path)
	copyFile(t, alive+"-wal", path+"-wal")
	if withSHM {
		copyFile(t, alive+"-shm", path+"-shm")
	}
	return path
}

func contents(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// names lists the files of a directory; SQLite may touch its -shm.
func names(t testing.TB, dir string) (list string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		list += entry.Name() + "\n"
	}
	return list
}
