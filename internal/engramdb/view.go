package engramdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"net/url"
	"sync"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"github.com/engram-sync/engram-sync/internal/cancellable"
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
