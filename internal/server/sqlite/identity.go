package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/sqliteuri"
)

// applicationID marks our SQLite files in their header, from schema 2 on:
// "Engs" in ASCII.
const applicationID = 0x456e6773

// identify gives the version of a database's schema, 0 if it is empty. One that
// is not ours is ErrForeign.
func identify(ctx context.Context, q querier) (version int, err error) {
	var id, tables, ours int
	err = q.QueryRowContext(ctx, `SELECT
		(SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version),
		(SELECT count(*) FROM sqlite_schema),
		(SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('users', 'api_keys', 'chunks', 'pieces'))`).
		Scan(&id, &version, &tables, &ours)
	switch {
	case err != nil:
		return 0, understood(err)
	case id == applicationID && version > len(migrations):
		return 0, fmt.Errorf("it was written by a newer release (schema %d, this one knows %d): upgrade engram-sync",
			version, len(migrations))
	case id == applicationID && version > 1 && ours == 4:
		return version, nil
	case id == 0 && version == 1 && ours == 4:
		return 1, nil // from before the mark
	case id == 0 && version == 0 && tables == 0:
		return 0, nil
	}
	return 0, ErrForeign
}

// examine lets look see the database at path without changing anything about it.
func examine(ctx context.Context, path string, look func(ctx context.Context, db *sql.DB) error) error {
	db, err := sql.Open("sqlite", sqliteuri.Of(path, url.Values{"_pragma": guestPragmas, "_query_only": {"1"}}))
	if err != nil {
		return err
	}
	return errors.Join(look(ctx, db), db.Close())
}

// isOurs refuses what identify refuses. A database that is still empty is fine.
func isOurs(ctx context.Context, db *sql.DB) error {
	_, err := identify(ctx, db)
	return err
}

// isWhole refuses what is not ours, is empty, or fails SQLite's own check of
// every page, row and index.
func isWhole(ctx context.Context, db *sql.DB) error {
	version, err := identify(ctx, db)
	if err == nil && version == 0 {
		err = ErrForeign
	}
	if err != nil {
		return err
	}
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return understood(err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %q", ErrDamaged, verdict) // quoted: it can have many lines
	}
	return nil
}

// Why a file is not taken for a server's database.
var (
	// ErrForeign says that it is some other file.
	ErrForeign = store.ErrForeign
	// ErrDamaged says that it is ours and has lost parts.
	ErrDamaged = store.ErrDamaged
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
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return store.WithKind(store.ErrDamaged, err)
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
