package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// migrate brings the schema up to date, and refuses a file that is not ours or
// newer than we are. One that was stopped goes on where it was.
func migrate(ctx context.Context, db *sql.DB) error {
	if version, err := identify(ctx, db); err != nil || version == len(migrations) {
		return err
	}
	steps := make([]*goose.Migration, len(migrations))
	for i, step := range migrations {
		steps[i] = goose.NewGoMigration(int64(i+1), &goose.GoFunc{RunTx: step}, nil)
	}
	all, err := goose.NewProvider(goose.DialectCustom, db, nil, goose.WithStore(header{}), goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true))
	if err == nil {
		_, err = all.Up(ctx)
	}
	if err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	return nil
}

// header lets goose count in SQLite's own header, where each schema of ours has had its version, and identify looks for
// it: the database has no table for that.
type header struct{}

var _ database.Store = header{}

func (header) Tablename() string { return "user_version" }

func (header) CreateVersionTable(context.Context, database.DBTxConn) error { return nil }

func (header) Insert(ctx context.Context, db database.DBTxConn, to database.InsertRequest) error {
	_, err := db.ExecContext(ctx, versionIs(int(to.Version)))
	return err
}

func (header) Delete(context.Context, database.DBTxConn, int64) error {
	return errors.New("a schema does not go back")
}

func (h header) GetMigration(ctx context.Context, db database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	latest, err := h.GetLatestVersion(ctx, db)
	if err == nil && version > latest {
		err = database.ErrVersionNotFound
	}
	return &database.GetMigrationResult{IsApplied: true}, err
}

func (header) GetLatestVersion(ctx context.Context, db database.DBTxConn) (version int64, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// ListMigrations gives the newest first, and the empty schema last.
func (h header) ListMigrations(ctx context.Context, db database.DBTxConn) (done []*database.ListMigrationsResult, err error) {
	latest, err := h.GetLatestVersion(ctx, db)
	for version := latest; err == nil && version >= 0; version-- {
		done = append(done, &database.ListMigrationsResult{Version: version, IsApplied: true})
	}
	return done, err
}

// versionIs is the statement that writes the version of the schema.
func versionIs(version int) string { return fmt.Sprintf("PRAGMA user_version = %d", version) }
