// Package postgres keeps what account servers have in one PostgreSQL database,
// which any number of processes share: it implements store.Store. Only
// internal/server opens one, and uses it as a store.Store.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// connections is how many a process has at most, unless its URL says otherwise with pool_max_conns.
// PostgreSQL takes 100 of all processes by default.
const connections = 16

// Store is a database that several processes may use at once.
type Store struct {
	now       func() time.Time
	committed func(time.Duration)
	quota     int64 // of who has no other
	pool      *pgxpool.Pool
	open      context.Context // ends with Close
	finish    context.CancelFunc

	userChanges atomic.Int64 // that were made here
}

var _ store.Store = (*Store)(nil)

// Open connects to the database that a postgres:// URL names, and brings its
// schema up to date, one process at a time. now is the clock for what is stored.
// What is not ours is store.ErrForeign, and store.ErrUnusable what does not let us in.
func Open(ctx context.Context, address string, now func() time.Time) (*Store, error) {
	pool, err := connect(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, pool); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the database: %w", withKind(err))
	}
	s := &Store{now: now, committed: func(time.Duration) {}, pool: pool}
	s.open, s.finish = context.WithCancel(context.Background())
	return s, nil
}

// Exists says by store.ErrEmpty that nobody ever opened the database. It changes nothing.
func Exists(ctx context.Context, address string) error {
	pool, err := connect(ctx, address)
	if err != nil {
		return err
	}
	defer pool.Close()
	ours, err := look(ctx, pool)
	if err == nil && !ours {
		return store.ErrEmpty
	}
	return withKind(err)
}

// connect opens a pool of connections, of which one has been made.
func connect(ctx context.Context, address string) (*pgxpool.Pool, error) {
	conf, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, store.WithKind(store.ErrUnusable, fmt.Errorf("read the URL of the database: %w", err)) // pgx leaves the password out
	}
	if u, err := url.Parse(address); err != nil || !u.Query().Has("pool_max_conns") {
		conf.MaxConns = connections
	}
	if conf.ConnConfig.RuntimeParams["application_name"] == "" {
		conf.ConnConfig.RuntimeParams["application_name"] = "engram-sync serve"
	}
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err == nil {
		if err = pool.Ping(ctx); err != nil {
			pool.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", withKind(err))
	}
	return pool, nil
}

// update runs change in a transaction, which is kept only if change gives nil.
// When update returns nil, the change is on disk. Each statement sees what was
// committed before it.
func (s *Store) update(ctx context.Context, change func(ctx context.Context, tx pgx.Tx) error) error {
	var began time.Time
	err := s.inTx(ctx, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		err := change(ctx, tx)
		began = time.Now()
		return err
	})
	if err == nil {
		s.committed(time.Since(began))
	}
	return err
}

// view runs look in a transaction whose queries all see the same state.
func (s *Store) view(ctx context.Context, look func(ctx context.Context, tx pgx.Tx) error) error {
	return s.inTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, look)
}

func (s *Store) inTx(ctx context.Context, options pgx.TxOptions, do func(ctx context.Context, tx pgx.Tx) error) error {
	return s.whileOpen(ctx, func(ctx context.Context) error {
		return pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error { return do(ctx, tx) })
	})
}

// whileOpen runs do with a context that ends with Close as well: the pool only
// closes once nobody has a connection of it. It gives errors their kinds.
func (s *Store) whileOpen(ctx context.Context, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.open, cancel)()
	return withKind(do(ctx))
}

// querier is a transaction or a whole database.
type querier interface {
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error { return s.whileOpen(ctx, s.pool.Ping) }

// Ready implements store.Store: a message goes into the write-ahead log, for nobody.
func (s *Store) Ready(ctx context.Context) error {
	return s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT pg_logical_emit_message(true, 'engram-sync', '')")
		return err
	})
}

// OnCommit implements store.Store.
func (s *Store) OnCommit(told func(time.Duration)) { s.committed = told }

// Usage implements store.Store.
func (s *Store) Usage(ctx context.Context) (u store.Usage, err error) {
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM users), count(*), coalesce(sum(size), 0)::bigint, (SELECT count(*) FROM mutations),
			pg_database_size(current_database()) FROM chunks`).Scan(&u.Accounts, &u.Chunks, &u.Bytes, &u.JournalRows, &u.DatabaseBytes)
	})
	return u, err
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.finish()
	s.pool.Close()
	return nil
}

// timestamp is the time to store with what is stored now: PostgreSQL keeps microseconds.
func (s *Store) timestamp() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// moment scans a time, which is to be in UTC.
type moment struct{ *time.Time }

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (m moment) ScanTimestamptz(v pgtype.Timestamptz) error {
	if !v.Valid {
		return errors.New("a time is missing")
	}
	*m.Time = v.Time.UTC()
	return nil
}
