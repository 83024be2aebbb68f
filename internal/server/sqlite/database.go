// Package sqlite keeps what an account server has in one SQLite file: it
// implements store.Store, and makes and restores backups of the file. Only
// internal/server opens one, and uses it as a store.Store.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/sharing"
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

// Store is a SQLite file that several processes may use at once.
type Store struct {
	path        string // absolute
	now         func() time.Time
	read, write *pool
	users       *userChanges

	committed func(time.Duration)
	quota     int64 // of who has no other

	lead chan struct{} // has a place for whoever commits a group of changes
	join chan *waiting // of those who wait to be in it
}

var _ store.Store = (*Store)(nil)

// Open opens the file at an absolute path, made with mode 0600 where it is missing,
// and brings its schema up to date. Two processes must not do that at once. now
// is the clock for what is stored. What is not ours is ErrForeign.
func Open(ctx context.Context, path string, now func() time.Time) (*Store, error) {
	// SQLite would make it with a mode that others can read. The files next to
	// it get the mode of this one.
	f, err := sharing.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := examine(ctx, path, isOurs); err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	users, err := countUserChanges(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, now: now, committed: func(time.Duration) {}, users: users, lead: make(chan struct{}, 1), join: make(chan *waiting)}
	if s.write, err = openPool(path, url.Values{"_pragma": ownPragmas, "_txlock": {"immediate"}}); err != nil {
		return nil, errors.Join(err, users.file.Close())
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = openPool(path, url.Values{"_pragma": ownPragmas, "_query_only": {"1"}}); err != nil {
		return nil, errors.Join(err, s.write.Close(), users.file.Close())
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	if err := migrate(ctx, s.write.DB); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database %s: %w", path, err), s.Close())
	}
	return s, nil
}

// view runs look in a read transaction: all its queries see the same state.
func (s *Store) view(ctx context.Context, look func(tx *transaction) error) error {
	return s.read.inTx(ctx, look)
}

func (s *Store) Ping(ctx context.Context) error {
	var version int
	return withKind(s.read.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version))
}

// Ready implements store.Store: the version of the schema is written again, whichever it is. A newer release may have
// come to the file meanwhile.
func (s *Store) Ready(ctx context.Context) error {
	return s.update(ctx, 0, func(ctx context.Context, tx *transaction) error {
		var version int
		err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
		if err == nil {
			_, err = tx.ExecContext(ctx, versionIs(version))
		}
		return err
	})
}

// Lineage tells this database from others, and from older copies.
func (s *Store) Lineage(ctx context.Context) (l store.Lineage, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT key_sha256, opened FROM lineage").Scan(&l.Key, &l.Opened)
	return l, withKind(err)
}

// Opened counts that it was opened with a key.
func (s *Store) Opened(ctx context.Context, key string) (l store.Lineage, err error) {
	err = s.update(ctx, 0, func(ctx context.Context, tx *transaction) error {
		return tx.QueryRowContext(ctx, "UPDATE lineage SET key_sha256 = ?, opened = opened + 1 RETURNING key_sha256, opened", key).Scan(&l.Key, &l.Opened)
	})
	return l, err
}

// OnCommit implements store.Store.
func (s *Store) OnCommit(told func(time.Duration)) { s.committed = told }

// Usage implements store.Store.
func (s *Store) Usage(ctx context.Context) (u store.Usage, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM users), count(*), coalesce(sum(size), 0), (SELECT count(*) FROM mutations),
		(SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) FROM chunks`).
		Scan(&u.Accounts, &u.Chunks, &u.Bytes, &u.JournalRows, &u.DatabaseBytes)
	return u, withKind(err)
}

func (s *Store) Close() error {
	err := s.users.file.Close()
	if errors.Is(err, os.ErrClosed) { // a second Close
		err = nil
	}
	return errors.Join(s.read.Close(), s.write.Close(), err)
}

// timestampLayout has the same number of digits always, in UTC: texts sort as
// times do.
const timestampLayout = "2006-01-02T15:04:05.000000Z"

// timestamp is the time to store with what is stored now.
func (s *Store) timestamp() string { return timestamp(s.now()) }

func timestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

// parseTime reads a timestamp. RFC 3339 is a layout that time.Parse is quick at.
// moment scans a time that timestamp made.
type moment struct{ *time.Time }

func (m moment) Scan(value any) (err error) {
	text, ok := value.(string)
	if text == "" && ok { // there is none
		*m.Time = time.Time{}
		return nil
	}
	if !ok {
		return fmt.Errorf("a time is a %T", value)
	}
	*m.Time, err = time.Parse(timestampLayout, text)
	return err
}

// querier is a transaction or a whole database.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// eachRow hands take one row of a query after the other, until it wants no more.
func eachRow(ctx context.Context, q querier, take func(*sql.Rows) (more bool, err error), query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if more, err := take(rows); err != nil || !more {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
