package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/engram-sync/engram-sync/internal/sqliteuri"
)

// pool is a number of connections to the database. Statements stay prepared on them: to
// understand one takes SQLite longer than to run it. So their texts must be few.
type pool struct {
	*sql.DB
	prepared sync.Map // *sql.Stmt by its text
}

func openPool(path string, options url.Values) (*pool, error) {
	db, err := sql.Open("sqlite", sqliteuri.Of(path, options))
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return &pool{DB: db}, nil
}

// statement gives a text as a prepared statement. The caller must hold no connection,
// of which it may need one.
func (p *pool) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if found, ok := p.prepared.Load(text); ok {
		return found.(*sql.Stmt), nil
	}
	stmt, err := p.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	if other, loaded := p.prepared.LoadOrStore(text, stmt); loaded {
		return other.(*sql.Stmt), stmt.Close()
	}
	return stmt, nil
}

func (p *pool) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	stmt, err := p.statement(ctx, text)
	if err != nil {
		return p.DB.QueryRowContext(ctx, text, args...) // whose Row has the error
	}
	return stmt.QueryRowContext(ctx, args...)
}

func (p *pool) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := p.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// inTx runs do in a transaction, which is kept only if do gives nil.
func (p *pool) inTx(ctx context.Context, do func(tx *transaction) error) error {
	t := transaction{pool: p}
	err := inTx(ctx, p.DB, func(tx *sql.Tx) error {
		t.Tx = tx
		return do(&t)
	})
	for _, text := range t.wanted {
		if _, failed := p.statement(ctx, text); failed != nil {
			break // it is only slower
		}
	}
	return err
}

// transaction is a transaction of a pool, whose statements are prepared from the second
// transaction with them on: the first has no other connection to do so.
type transaction struct {
	*sql.Tx
	pool   *pool
	wanted []string // not prepared yet
}

// statement gives nil where text is not prepared yet.
func (t *transaction) statement(ctx context.Context, text string) *sql.Stmt {
	if found, ok := t.pool.prepared.Load(text); ok {
		return t.StmtContext(ctx, found.(*sql.Stmt))
	}
	t.wanted = append(t.wanted, text)
	return nil
}

func (t *transaction) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	if stmt := t.statement(ctx, text); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return t.Tx.QueryRowContext(ctx, text, args...)
}

func (t *transaction) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if stmt := t.statement(ctx, text); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return t.Tx.QueryContext(ctx, text, args...)
}

func (t *transaction) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if stmt := t.statement(ctx, text); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, text, args...)
}

// inTx is that of a pool, for a database as it comes.
func inTx(ctx context.Context, db *sql.DB, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return withKind(err)
	}
	if err := do(tx); err != nil {
		// A canceled context has rolled back already.
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
		return withKind(err)
	}
	return withKind(tx.Commit())
}
