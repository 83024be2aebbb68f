package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Attempt implements store.Store.
func (s *Store) Attempt(ctx context.Context, kind, client string, limit int, within time.Duration) (wait time.Duration, err error) {
	err = s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := s.timestamp()
		// What is over goes; what somebody else is at they remove themselves.
		if _, err := tx.Exec(ctx, `DELETE FROM attempts WHERE (kind, client) IN
			(SELECT kind, client FROM attempts WHERE ends <= $1 FOR UPDATE SKIP LOCKED)`, now); err != nil {
			return err
		}
		var used int
		var ends time.Time
		// One that is refused does not count: it must not prolong anything.
		err := tx.QueryRow(ctx, `INSERT INTO attempts AS a (kind, client, ends, used) VALUES ($1, $2, $3, 1)
			ON CONFLICT (kind, client) DO UPDATE SET used = least(a.used + 1, $4 + 1)
			RETURNING used, ends`, kind, client, now.Add(within), limit).Scan(&used, &ends)
		if err == nil && used > limit {
			wait = ends.Sub(now)
		}
		return err
	})
	return wait, err
}
