package engramdb_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// longAgo gives all files of the database the same old time, so that times tell nothing.
func longAgo(t *testing.T, path string) {
	t.Helper()
	for _, file := range []string{path, path + "-wal"} {
		if err := os.Chtimes(file, time.Time{}, time.Unix(1_700_000_000, 0)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

func version(t *testing.T, db *engramdb.DB) string {
	t.Helper()
	v, err := db.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Every kind of change that a chunk would show, in a log whose size and time
// stay as they are: after it has been written back it is overwritten from its start.
func TestEveryChangeInTheLogChangesTheVersion(t *testing.T) {
	for _, release := range fixtures.Releases {
		path := fixture(t, release)
		db, w := open(t, path), writer(t, path)
		fillLog(t, w)
		size := sizeOf(t, path+"-wal")
		seen := map[string]string{}
		for _, change := range []string{
			"UPDATE sessions SET ended_at = '2026-11-22 10:00:00' WHERE id = (SELECT min(id) FROM sessions)",
			"UPDATE sessions SET ended_at = '2026-11-22 10:00:01' WHERE id = (SELECT min(id) FROM sessions)",
			"UPDATE sessions SET summary = 'x' WHERE id = (SELECT min(id) FROM sessions)",
			"UPDATE observations SET deleted_at = datetime('now') WHERE id = 1",
			"UPDATE observations SET deleted_at = NULL WHERE id = 1",
			"UPDATE observations SET scope = 'personal' WHERE id = 1",
			"UPDATE observations SET content = replace(content, 'a', 'b') WHERE id = 2",
			"DELETE FROM observations WHERE id = 7",
			"UPDATE user_prompts SET content = 'y' WHERE id = 1",
			"DELETE FROM user_prompts WHERE id = 1",
			addMemory,
			"PRAGMA wal_checkpoint(PASSIVE)",
			"UPDATE sessions SET summary = 'z' WHERE id = (SELECT min(id) FROM sessions)",
		} {
			if change == addMemory {
				execSQL(t, w, change, "new")
			} else {
				execSQL(t, w, change)
			}
			longAgo(t, path)
			v := version(t, db)
			if before, again := seen[v]; again && change != "PRAGMA wal_checkpoint(PASSIVE)" {
				t.Errorf("%s: %q gives the version of %q", release, change, before)
			}
			if seen[v] = change; version(t, db) != v {
				t.Errorf("%s: another version without a change after %q", release, change)
			}
			read(t, db)
			if version(t, db) != v {
				t.Errorf("%s: reading changed the version after %q", release, change)
			}
		}
		if now := sizeOf(t, path+"-wal"); now != size {
			t.Errorf("%s: the log grew from %d to %d: its size told the changes", release, size, now)
		}
	}
}

// fillLog makes the log larger than the test will need.
func fillLog(t *testing.T, w *sql.DB) {
	t.Helper()
	for range 40 {
		execSQL(t, w, addMemory, "filler")
	}
	execSQL(t, w, "PRAGMA wal_checkpoint(RESTART)")
}

// What a transaction that was taken back has left in the log is no end of it.
func TestAChangeBeforeLeftoversInTheLogChangesTheVersion(t *testing.T) {
	path := fixture(t, "1.16.1")
	db, w := open(t, path), writer(t, path)
	execSQL(t, w, "PRAGMA cache_size = 5")
	execSQL(t, w, "UPDATE sessions SET summary = 'a'")
	size := sizeOf(t, path+"-wal")
	execSQL(t, w, "BEGIN")
	for range 40 {
		execSQL(t, w, addMemory, strings.Repeat("x", 3000))
	}
	execSQL(t, w, "ROLLBACK")
	left := sizeOf(t, path+"-wal")
	longAgo(t, path)
	before := version(t, db)
	execSQL(t, w, "UPDATE sessions SET summary = 'b'")
	longAgo(t, path)
	if left <= size || sizeOf(t, path+"-wal") != left {
		t.Fatalf("the log had %d bytes, then %d, now %d", size, left, sizeOf(t, path+"-wal"))
	}
	if version(t, db) == before {
		t.Error("the version has stayed")
	}
}

func TestAChangeThatLeavesNoLogChangesTheVersion(t *testing.T) {
	path := fixture(t, "1.16.1")
	db := open(t, path)
	longAgo(t, path)
	before := version(t, db)
	if version(t, db) != before {
		t.Fatal("two versions of one state")
	}
	w := writer(t, path)
	execSQL(t, w, "UPDATE observations SET scope = 'personal' WHERE id = 1")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if left := names(t, filepath.Dir(path)); left != "engram.db\n" {
		t.Fatalf("still open: %s", left)
	}
	after := version(t, db)
	if after == before {
		t.Error("the version has stayed")
	}
	// The file's time may be that of another change still to come.
	if version(t, db) == after {
		t.Error("a version that may be overtaken came twice")
	}
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(-10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if first := version(t, db); version(t, db) != first {
		t.Error("two versions of a settled state")
	}
}

func TestAVersionOfWhatAKilledEngramLeft(t *testing.T) {
	for _, withSHM := range []bool{true, false} {
		path := killed(t, withSHM)
		db := open(t, path)
		longAgo(t, path)
		if a, b := version(t, db), version(t, db); a != b {
			t.Errorf("-shm %v: two versions of one state", withSHM)
		}
	}
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
