package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/engram-sync/engram-sync/internal/server/store"
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

// Lineage tells this database from others, and from older copies.
func (s *Store) Lineage(ctx context.Context) (l store.Lineage, err error) {
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, "SELECT key_sha256, opened FROM lineage").Scan(&l.Key, &l.Opened)
	})
	return l, err
}

// Opened counts that it was opened with a key.
func (s *Store) Opened(ctx context.Context, key string) (l store.Lineage, err error) {
	err = s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "UPDATE lineage SET key_sha256 = $1, opened = opened + 1 RETURNING key_sha256, opened", key).Scan(&l.Key, &l.Opened)
	})
	return l, err
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
