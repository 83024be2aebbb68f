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
)

// migrations lead from one version of the schema to the next. They are never
// edited, only added to.
//
//go:embed migrations/*.sql
var migrations embed.FS

// versions is the table that remembers which of them ran.
const versions = "engram_sync_schema"

// migrate brings the schema up to date, and refuses one that is newer than we
// are. Processes that do so at once take turns.
func migrate(ctx context.Context, pool *pgxpool.Pool) (err error) {
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
	if _, err := steps.Up(ctx); err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	current, known, err := steps.GetVersions(ctx)
	if err == nil && current > known {
		err = fmt.Errorf("it was written by a newer release (schema %d, this one knows %d): upgrade engram-sync", current, known)
	}
	return err
}
