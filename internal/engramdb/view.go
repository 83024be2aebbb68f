package engramdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/sqliteuri"
)

// tries is how often a database that moves is looked at before ErrBusy.
const tries = 50

// pause is between two tries.
const pause = 20 * time.Millisecond

// inPlace is held shared while SQLite has a database open in place, and wholly
// while a database file is copied: see Locks in the package's comment. Whole
// holders only ever try, so that a call within a Snapshot cannot wait for itself.
var inPlace sync.RWMutex

// view is one open read transaction.
type view struct {
	db   *DB
	tx   *sql.Tx
	pool *sql.DB
	free func() error // what else goes with the view
}

// read runs f in a view that is cheap to open. f may be called again, and then
// has to start anew.
func (db *DB) read(ctx context.Context, f func(context.Context, *view) error) error {
	for range tries {
		seen, err := db.look()
		if err != nil {
			return err
		}
		if seen.foreign || !seen.still() {
			return db.readFirmly(ctx, f)
		}
		// Nobody has the file open, as far as we know.
		v, err := db.open(ctx, db.file, "immutable", func() error { return nil })
		if err == nil {
			err = v.run(ctx, f)
		}
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		if now, lookErr := db.look(); lookErr == nil && now == seen {
			return err
		}
		if err := cancellable.Sleep(ctx, pause); err != nil {
			return err
		}
	}
	return ErrBusy
}

// readFirmly runs f once, in a view that nothing can disturb.
func (db *DB) readFirmly(ctx context.Context, f func(context.Context, *view) error) error {
	seen, err := db.look()
	if err != nil {
		return err
	}
	if !seen.foreign && (seen.wal.exists && seen.shm || seen.journal) {
		inPlace.RLock()
		v, err := db.open(ctx, db.file, "", func() error { inPlace.RUnlock(); return nil })
		if err == nil {
			return v.run(ctx, f)
		}
		if !cannotOpen(err) {
			return err
		}
	}
	v, err := db.openCopy(ctx)
	if err != nil {
		return err
	}
	return v.run(ctx, f)
}

// open begins a read transaction on file, which has something of db's. free is
// called in any case, at the latest when the view is closed.
func (db *DB) open(ctx context.Context, file, option string, free func() error) (*view, error) {
	pool, err := sql.Open("sqlite", source(file, option))
	if err != nil {
		return nil, errors.Join(err, free())
	}
	pool.SetMaxOpenConns(1)
	v := &view{db: db, pool: pool, free: free}
	if err := db.limit(ctx, pool); err != nil {
		return nil, errors.Join(db.judge(err), v.close())
	}
	if v.tx, err = pool.BeginTx(ctx, nil); err != nil {
		return nil, errors.Join(db.judge(err), v.close())
	}
	// BEGIN alone reads nothing: the first query is what fixes the view.
	var tables int
	if err := v.tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return nil, errors.Join(db.judge(err), v.close())
	}
	return v, nil
}

// limit bounds what one value may take of memory, on the one connection of the pool.
func (db *DB) limit(ctx context.Context, pool *sql.DB) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	_, err = sqlite.Limit(conn, sqlite3.SQLITE_LIMIT_LENGTH, db.maxRow)
	return errors.Join(err, conn.Close())
}

// run calls f and closes the view. What f said comes back as it is.
func (v *view) run(ctx context.Context, f func(context.Context, *view) error) error {
	return cmp.Or(f(ctx, v), v.close())
}

func (v *view) close() error {
	var err error
	if v.tx != nil {
		// A canceled context has rolled back already.
		if err = v.tx.Rollback(); errors.Is(err, sql.ErrTxDone) {
			err = nil
		}
	}
	return errors.Join(err, v.pool.Close(), v.free())
}

// source is the URI of an absolute path. The busy timeout (ms) is for the short
// locks that other readers hold while they recover a log. Names in the schema
// are data of a file that we did not make: trusted_schema.
func source(path, option string) string {
	query := url.Values{
		"mode":        {"ro"},
		"_query_only": {"1"},
		"_pragma":     {"busy_timeout(5000)", "trusted_schema(0)"},
	}
	if option != "" {
		query.Set(option, "1")
	}
	return sqliteuri.Of(path, query)
}

// openCopy opens a private copy of the database, as it was at one moment.
func (db *DB) openCopy(ctx context.Context) (*view, error) {
	sweep.Do(sweepCopies)
	dir, err := os.MkdirTemp("", copyPrefix) // mode 0700
	if err != nil {
		return nil, fmt.Errorf("copy engram's database: %w", err)
	}
	remove := func() error { return sharing.RemoveAll(dir) }
	file := filepath.Join(dir, "engram.db")
	withWAL, err := db.copyConsistently(ctx, file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("copy engram's database: %w", err), remove())
	}
	option := "immutable"
	if withWAL {
		option = ""
	}
	v, err := db.open(ctx, file, option, remove)
	if err != nil {
		return nil, err
	}
	if unlinksOpen {
		// Everything that will be read is open now, and no crash can leave it behind.
		if err := remove(); err != nil {
			return nil, errors.Join(err, v.close())
		}
	}
	return v, nil
}

// copyConsistently tries until engram.db and its -wal, as copied to file, belong
// together, and says whether there is a -wal.
func (db *DB) copyConsistently(ctx context.Context, file string) (withWAL bool, err error) {
	for range tries {
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
		before, err := db.look()
		if err != nil {
			return false, err
		}
		copied, err := db.copyOnce(before, file)
		if err != nil {
			return false, err
		}
		after, err := db.look()
		if err != nil {
			return false, err
		}
		if copied && belongTogether(before, after) {
			return before.header != walHeader{}, nil
		}
		if err := cancellable.Sleep(ctx, pause); err != nil {
			return false, err
		}
	}
	return false, ErrBusy
}

// belongTogether says whether what was copied between two looks is one state.
//
// With a log: its header is the same, so it has not started anew, and has only
// grown. Every page that a checkpoint wrote to engram.db meanwhile is in the
// log, and was there before it was in engram.db, which is copied first: readers
// take it from the log. What is half written at the log's end fails its checksum.
// Without one: nothing can have been written but through a log, which would have
// left engram.db with another time or size.
func belongTogether(before, after footprint) bool {
	if before.journal || after.journal {
		return false // no engram writes like this; whoever does is in the middle of it
	}
	if before.header != (walHeader{}) {
		return before.header == after.header && after.wal.size >= before.wal.size
	}
	return before.db == after.db && after.header == walHeader{}
}

// copyOnce copies engram.db and then its -wal, never its -shm: that is rebuilt.
// It says false where it has to be tried again.
func (db *DB) copyOnce(seen footprint, file string) (copied bool, err error) {
	if !inPlace.TryLock() {
		return false, nil // a view in place is open
	}
	err = copyFile(db.file, file)
	inPlace.Unlock()
	if err != nil || seen.header == (walHeader{}) {
		return err == nil, err
	}
	err = copyFile(db.file+"-wal", file+"-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // engram has closed its database meanwhile
	}
	return err == nil, err
}

func copyFile(from, to string) (err error) {
	in, err := sharing.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := sharing.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
