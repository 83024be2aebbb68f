package engramdb

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// ErrEmpty says that the file has no bytes: engram has not made its database yet.
var ErrEmpty = errors.New("there is no database in the file yet")

// ErrBusy says that the database changed, or was locked, each time it was
// looked at. The same call may work later.
var ErrBusy = errors.New("engram's database is busy")

// DamagedError says that a file is no SQLite database, or has lost parts:
// errors.Is finds engram.ErrDamaged in it. An encrypted database looks the same.
type DamagedError struct {
	Path string
	Err  error // SQLite's own words
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged, or no SQLite database: %v", e.Path, e.Err)
}

// Unwrap gives ErrDamaged and the cause.
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
