package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Why a file is not taken for a server's database.
var (
	// ErrForeign says that it is some other file.
	ErrForeign = errors.New("this is not a database of engram-sync serve")
	// ErrDamaged says that it is ours and has lost parts.
	ErrDamaged = errors.New("the database is damaged")
)

// resultCode is the primary result code of an error of SQLite, 0 for others.
func resultCode(err error) int {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return 0
	}
	return failure.Code() & 0xff
}

// understood gives SQLite's errors about the file itself their meaning.
func understood(err error) error {
	switch resultCode(err) {
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrForeign, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// withKind gives errors of using a database the kinds of the contract.
func withKind(err error) error {
	switch resultCode(err) {
	case sqlite3.SQLITE_FULL:
		return store.WithKind(store.ErrFull, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT:
		return store.WithKind(store.ErrUnavailable, err)
	}
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		err != nil && strings.Contains(err.Error(), "sql: database is closed") { // there is no value for this one
		return store.WithKind(store.ErrUnavailable, err)
	}
	return err
}
