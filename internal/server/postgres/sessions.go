package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Seen implements store.Users. The user's row is locked, so that they do not sign out meanwhile.
func (s *Store) Seen(ctx context.Context, u store.User, from string, in store.Session) error {
	return s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := s.timestamp()
		if _, err := tx.Exec(ctx, "UPDATE users SET seen_at = $1, seen_from = $2 WHERE id = $3", now, from, u.ID); err != nil || in.ID == "" {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM sessions WHERE user_id = $1 AND until <= $2", u.ID, now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO sessions (id, user_id, kind, client, began_at, until, seen_at, seen_from)
			SELECT $1, id, $2, $3, $4, $5, $6, $7 FROM users WHERE id = $8 AND token_tag = $9
			ON CONFLICT (id) DO UPDATE SET client = excluded.client, seen_at = excluded.seen_at, seen_from = excluded.seen_from`,
			in.ID, in.Kind, in.Client, in.Began, in.Until, now, from, u.ID, u.TokenTag); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE id IN
			(SELECT id FROM sessions WHERE user_id = $1 ORDER BY seen_at DESC, id OFFSET $2)`, u.ID, store.MaxSessions)
		return err
	})
}

// Sessions implements store.Users.
func (s *Store) Sessions(ctx context.Context, name string) (sessions []store.Session, err error) {
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT s.id, s.kind, s.client, s.began_at, s.until, s.seen_at, s.seen_from
				FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.username = $1 AND s.until > $2
			UNION ALL SELECT '', $3, '', k.created_at, NULL, NULL, '' FROM api_keys k JOIN users u ON u.id = k.user_id WHERE u.username = $1
			UNION ALL SELECT NULL, '', '', NULL, NULL, NULL, '' FROM users WHERE username = $1
			ORDER BY 4 DESC NULLS LAST, 1`, name, s.timestamp(), store.KeyKind)
		if err != nil {
			return err
		}
		found := false // the user, by the last row
		sessions = nil
		var id *string
		var began, until, seen *time.Time
		var in store.Session
		_, err = pgx.ForEachRow(rows, []any{&id, &in.Kind, &in.Client, &began, &until, &seen, &in.LastSeenFrom}, func() error {
			if found = id == nil; found {
				return nil
			}
			in.ID, in.Began, in.Until, in.LastSeen = *id, began.UTC(), time.Time{}, time.Time{}
			if until != nil {
				in.Until, in.LastSeen = until.UTC(), seen.UTC()
			}
			sessions = append(sessions, in)
			return nil
		})
		if err == nil && !found {
			err = store.ErrNoUser
		}
		return err
	})
	return sessions, err
}
