package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// readers is how many connections answer reads at once. Writes have one: SQLite
// takes one writer at a time, and Go's pool queues more fairly than its locks.
const readers = 8

// Pragmas of connections. FULL syncs each commit before it is acked. The busy
// timeout (ms) covers another process that is storing a large chunk. Whoever
// only looks at a file must not choose its journal mode.
var (
	ownPragmas = []string{
		"busy_timeout(30000)",
		"foreign_keys(1)",
		"journal_mode(WAL)",
		"journal_size_limit(8388608)",
		"synchronous(FULL)",
	}
	guestPragmas = []string{"busy_timeout(30000)"}
)

// database is a SQLite file that several processes may use at once.
type database struct {
	path        string
	read, write *sql.DB
}

// openDatabase opens the file at path, made with mode 0600 where it is missing,
// and brings its schema up to date.
func openDatabase(ctx context.Context, path string) (*database, error) {
	// SQLite would make it with a mode that others can read. The files next to
	// it get the mode of this one.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := examine(ctx, path, isOurs); err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	db := &database{path: path}
	if db.write, err = sql.Open("sqlite", dataSource(path, ownPragmas, "_txlock", "immediate")); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db.write.SetMaxOpenConns(1)
	if db.read, err = sql.Open("sqlite", dataSource(path, ownPragmas, "_query_only", "1")); err != nil {
		return nil, both(fmt.Errorf("open the database: %w", err), db.write.Close())
	}
	db.read.SetMaxOpenConns(readers)
	db.read.SetMaxIdleConns(readers)
	if err := migrate(ctx, db.write); err != nil {
		return nil, both(fmt.Errorf("open the database %s: %w", path, err), db.close())
	}
	return db, nil
}

// dataSource is the URI for an absolute path with pragmas and one more option.
func dataSource(path string, pragmas []string, option, value string) string {
	path = filepath.ToSlash(path)
	if runtime.GOOS == "windows" && !strings.HasPrefix(path, "/") {
		path = "/" + path // file:///C:/...
	}
	u := url.URL{Scheme: "file", Path: path}
	u.RawQuery = url.Values{"_pragma": pragmas, option: {value}}.Encode()
	return u.String()
}

// update runs change in a write transaction, which is kept only if change
// gives nil. When update returns nil, the change is on disk.
func (db *database) update(ctx context.Context, change func(tx *sql.Tx) error) error {
	return inTx(ctx, db.write, change)
}

// view runs look in a read transaction: all its queries see the same state.
func (db *database) view(ctx context.Context, look func(tx *sql.Tx) error) error {
	return inTx(ctx, db.read, look)
}

func inTx(ctx context.Context, pool *sql.DB, do func(tx *sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		// A canceled context has rolled back already.
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			return both(err, undo)
		}
		return err
	}
	return tx.Commit()
}

// ping says whether the file can be read.
func (db *database) ping(ctx context.Context) error {
	var version int
	return db.read.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
}

func (db *database) close() error { return both(db.read.Close(), db.write.Close()) }

// isUnavailable says whether err is about reaching the database, and the same
// request may work later.
func isUnavailable(err error) bool {
	if errors.Is(err, errSpool) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		// database/sql has no value for this one.
		return strings.Contains(err.Error(), "sql: database is closed")
	}
	switch failure.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT:
		return true
	}
	return false
}

// both is errors.Join on one line.
func both(first, second error) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return fmt.Errorf("%w; then: %w", first, second)
}
