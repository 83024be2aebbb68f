package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Secret gives the value that all processes have under a name: the first one's,
// which is fresh where nobody had one before.
func (s *Store) Secret(ctx context.Context, name string, fresh []byte) (value []byte, err error) {
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		if _, err := s.pool.Exec(ctx, "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, fresh); err != nil {
			return err
		}
		return s.pool.QueryRow(ctx, "SELECT value FROM secrets WHERE name = $1", name).Scan(&value)
	})
	return value, err
}

// KnownSecret gives the value that all processes have under a name, nil where nobody had one yet.
func (s *Store) KnownSecret(ctx context.Context, name string) (value []byte, err error) {
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		err := s.pool.QueryRow(ctx, "SELECT value FROM secrets WHERE name = $1", name).Scan(&value)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return value, err
}
