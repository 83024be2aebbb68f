package sqlite

import (
	"context"
	"database/sql"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

func (s *Store) Seen(ctx context.Context, u store.User, from string, in store.Session) error {
	return s.update(ctx, 0, func(ctx context.Context, tx *transaction) error {
		now := s.timestamp()
		if _, err := tx.ExecContext(ctx, "UPDATE users SET seen_at = ?, seen_from = ? WHERE id = ?", now, from, u.ID); err != nil || in.ID == "" {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM sessions WHERE user_id = ? AND until <= ?", u.ID, now); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, user_id, kind, client, began_at, until, seen_at, seen_from)
			SELECT ?, id, ?, ?, ?, ?, ?, ? FROM users WHERE id = ? AND token_tag = ?
			ON CONFLICT (id) DO UPDATE SET client = excluded.client, seen_at = excluded.seen_at, seen_from = excluded.seen_from`,
			in.ID, in.Kind, in.Client, timestamp(in.Began), timestamp(in.Until), now, from, u.ID, u.TokenTag); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE id IN
			(SELECT id FROM sessions WHERE user_id = ? ORDER BY seen_at DESC, id LIMIT -1 OFFSET ?)`, u.ID, store.MaxSessions)
		return err
	})
}

func (s *Store) Sessions(ctx context.Context, name string) (sessions []store.Session, err error) {
	err = s.view(ctx, func(tx *transaction) error {
		u, err := findUser(ctx, tx, "WHERE u.username = ?", name)
		if err != nil {
			return err
		}
		return eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
			var in store.Session
			err = rows.Scan(&in.ID, &in.Kind, &in.Client, moment{&in.Began}, moment{&in.Until}, moment{&in.LastSeen}, &in.LastSeenFrom)
			sessions = append(sessions, in)
			return true, err
		}, `SELECT id, kind, client, began_at, until, seen_at, seen_from FROM sessions WHERE user_id = ?1 AND until > ?2
			UNION ALL SELECT '', ?3, '', created_at, '', '', '' FROM api_keys WHERE user_id = ?1 ORDER BY began_at DESC, id`,
			u.ID, s.timestamp(), store.KeyKind)
	})
	return sessions, err
}
