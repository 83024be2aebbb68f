package engramdb

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
)

// small makes a closed database of one table, and a DB of it that is not checked.
func small(t *testing.T) *DB {
	t.Helper()
	db := &DB{path: filepath.Join(t.TempDir(), "engram.db")}
	db.file = db.path
	w := engramOpens(t, db)
	change(t, w, "CREATE TABLE t (x)")
	closeWriter(t, w)
	return db
}

func engramOpens(t *testing.T, db *DB) *sql.DB {
	t.Helper()
	w, err := sql.Open("sqlite", "file:"+filepath.ToSlash(db.file)+"?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	w.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func change(t *testing.T, w *sql.DB, statement string) {
	t.Helper()
	if _, err := w.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func closeWriter(t *testing.T, w *sql.DB) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Without locks, a reader of a still file only learns afterwards that engram came.
func TestAStillFileThatMovedIsReadAnew(t *testing.T) {
	for _, stays := range []bool{true, false} {
		db, calls, rows := small(t), 0, -1
		err := db.read(t.Context(), func(ctx context.Context, v *view) error {
			if calls++; calls == 1 {
				w := engramOpens(t, db)
				change(t, w, "INSERT INTO t VALUES (1)")
				if !stays {
					closeWriter(t, w)
				}
				return os.ErrInvalid // what was half old and half new may be any error
			}
			return v.query(ctx, func(scan func(...any) error) error { return scan(&rows) }, "SELECT count(*) FROM t")
		})
		if err != nil || calls != 2 || rows != 1 {
			t.Errorf("engram stays %v: %v, %d calls, %d rows", stays, err, calls, rows)
		}
	}
}

// What engram does between the two looks of one copy.
func TestCopiesThatDoNotBelongTogether(t *testing.T) {
	nothing := func(*testing.T, *sql.DB) {}
	write := func(t *testing.T, w *sql.DB) { change(t, w, "INSERT INTO t VALUES (randomblob(100))") }
	for name, tc := range map[string]struct {
		before, between func(*testing.T, *sql.DB)
		want            bool
	}{
		"closed, and left alone": {nothing, nothing, true},
		"closed, and written to": {nothing, write, false},
		"closed, written, closed": {nothing, func(t *testing.T, w *sql.DB) {
			write(t, w)
			closeWriter(t, w)
		}, false},
		"open, and left alone": {write, nothing, true},
		"open, the log grows":  {write, write, true},
		"open, written back":   {write, func(t *testing.T, w *sql.DB) { change(t, w, "PRAGMA wal_checkpoint(PASSIVE)") }, true},
		"open, the log begins anew": {write, func(t *testing.T, w *sql.DB) {
			change(t, w, "PRAGMA wal_checkpoint(RESTART)")
			write(t, w)
		}, false},
		"open, the log is cut": {write, func(t *testing.T, w *sql.DB) { change(t, w, "PRAGMA wal_checkpoint(TRUNCATE)") }, false},
		"open, closed":         {write, closeWriter, false},
	} {
		db := small(t)
		w := engramOpens(t, db)
		tc.before(t, w)
		before, err := db.look()
		if err != nil {
			t.Fatal(err)
		}
		tc.between(t, w)
		after, err := db.look()
		if err != nil {
			t.Fatal(err)
		}
		if got := belongTogether(before, after); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// While a view in place is open, a copy would drop its locks.
func TestACopyWaitsForViewsInPlace(t *testing.T) {
	db := small(t)
	inPlace.RLock()
	copied, err := db.copyOnce(footprint{}, filepath.Join(t.TempDir(), "copy"))
	inPlace.RUnlock()
	if copied || err != nil {
		t.Errorf("copied %v, %v", copied, err)
	}
	if copied, err = db.copyOnce(footprint{}, filepath.Join(t.TempDir(), "copy")); !copied || err != nil {
		t.Errorf("afterwards: copied %v, %v", copied, err)
	}
}
