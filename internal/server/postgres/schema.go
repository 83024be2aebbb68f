package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// migrations lead from one version of the schema to the next. They are never
// edited, only added to.
//
//go:embed migrations/*.sql
var migrations embed.FS

// versions is the table that remembers which of them ran.
const versions = "engram_sync_schema"

// look says whether the database has a schema of ours. One that is somebody else's is
// store.ErrForeign.
func look(ctx context.Context, pool *pgxpool.Pool) (ours bool, err error) {
	var tables int
	err = pool.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL, (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema())", versions).
		Scan(&ours, &tables)
	if err == nil && !ours && tables > 0 {
		err = fmt.Errorf("%w: it has tables of something else", store.ErrForeign)
	}
	return ours, err
}

// migrate brings the schema up to date, and refuses one that is newer than we
// are. Processes that do so at once take turns.
func migrate(ctx context.Context, pool *pgxpool.Pool) (err error) {
	if _, err := look(ctx, pool); err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	turns, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	steps, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(versions), goose.WithSessionLocker(turns))
	if err != nil {
		return err
	}
	_, err = steps.Up(ctx)
	if current, known, failed := steps.GetVersions(ctx); failed == nil && current > known {
		return fmt.Errorf("it was written by a newer release (schema %d, this one knows %d): upgrade engram-sync", current, known)
	}
	if err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	return nil
}
