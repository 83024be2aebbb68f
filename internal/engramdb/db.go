// Package engramdb is a view of engram's database, engram.db: its memories and
// the journal of its changes. Commands open it, beside a running engram too: it
// only ever reads, briefly, and leaves nothing behind.
//
// # What a reader may do
//
// engram has its database in WAL mode and fails a save at once when another
// process holds the write lock; readers do it no harm (local-state.md 2.1, 2.6).
// Content may stand in engram.db-wal alone. So each call here opens the file,
// reads in one transaction and closes it again, in one of three ways:
//
//   - In place (mode=ro), where -wal and -shm both exist: somebody has the file
//     open, or was killed. SQLite's own locks keep the view consistent, and no
//     file is made. Were every other process to close the database between our
//     look and our opening it, SQLite would make an empty -wal and -shm anew,
//     owned by us; that is why this way is for the owner of engram.db alone.
//     Should engram close its database while we look, its -wal and -shm stay, as
//     with any reader, until the next command of engram's has closed it.
//   - Still (immutable=1), where there is neither -wal nor -journal: opening it
//     in place would leave both files behind. It is without locks, so afterwards
//     the files are looked at again; if anything moved, what was read is thrown
//     away and read anew. Only for calls that can be repeated unseen.
//   - A private copy (0600 in a 0700 directory, unlinked at once where the system
//     can), for everything else: the file of another user, a -wal without -shm, a
//     directory that SQLite cannot work in, and a Snapshot of a still file.
//
// # Locks
//
// POSIX locks belong to a process and a file: closing any descriptor of
// engram.db or its -shm drops all locks that SQLite holds there for this
// process. engram, closing the database meanwhile, could then delete a -wal that
// is not fully written back, and lose memories. So nothing else in this process
// may open engram.db or its -shm; the copying here waits until no view in place is open.
package engramdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// DB is engram's database at one path. It holds no open file between calls, and
// may be used by several goroutines at once.
type DB struct {
	path string // as the caller knows it
	file string // with symbolic links resolved, as SQLite does before it adds -wal
	// maxRow is how many bytes one value may have: more would have to be in memory.
	maxRow int
}

// Open checks that path is a readable database of engram's. Errors: fs.ErrNotExist
// (no such file), ErrEmpty, *DamagedError, *SchemaError.
func Open(ctx context.Context, path string) (*DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open engram's database: %w", err)
	}
	file, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, fmt.Errorf("open engram's database: %w", err)
	}
	db := &DB{path: abs, file: file, maxRow: maxRowBytes}
	err = db.read(ctx, func(ctx context.Context, v *view) error {
		for _, table := range []table{sessions, observations, prompts} {
			if _, err := v.columns(ctx, table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open engram's database: %w", err)
	}
	return db, nil
}

// Path is the database's absolute path.
func (db *DB) Path() string { return db.path }

// ErrEmpty says that the file has no bytes: engram has not made its database yet.
var ErrEmpty = errors.New("there is no database in the file yet")

// ErrBusy says that the database changed, or was locked, each time it was
// looked at. The same call may work later.
var ErrBusy = errors.New("engram's database is busy")

// maxRowBytes is four times what a chunk may have.
const maxRowBytes = 256 << 20

// ErrTooLarge says that a row has more than can be read.
var ErrTooLarge = errors.New("a row of engram's database takes more than 256 MiB")

// DamagedError says that a file is no SQLite database, or has lost parts:
// errors.Is finds engram.ErrDamaged in it. An encrypted database looks the same.
type DamagedError struct {
	Path string
	Err  error // SQLite's own words
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged, or no SQLite database: %v", e.Path, e.Err)
}

func (e *DamagedError) Unwrap() []error { return []error{engram.ErrDamaged, e.Err} }

// SchemaError says that a SQLite database lacks what engram's has: it is
// another program's, or of a release of engram that is unknown here.
type SchemaError struct {
	Path   string
	Table  string
	Column string // "" where the whole table is missing
}

func (e *SchemaError) Error() string {
	lacks := "table " + e.Table
	if e.Column != "" {
		lacks = "column " + e.Table + "." + e.Column
	}
	return fmt.Sprintf("%s is no engram database that this program knows: no %s", e.Path, lacks)
}

// judge gives SQLite's errors the types that callers decide on.
func (db *DB) judge(err error) error {
	switch code(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
		return &DamagedError{Path: db.path, Err: err}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case sqlite3.SQLITE_TOOBIG:
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return err
}

// cannotOpen says whether SQLite could not work beside the file, as in a
// directory that is read-only for us.
func cannotOpen(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return true
	}
	return false
}

// code is SQLite's primary result code, 0 where err is not SQLite's.
func code(err error) int {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return 0
	}
	return failure.Code() & 0xff
}
