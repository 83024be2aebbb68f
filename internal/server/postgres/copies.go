package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// collect gives all rows of a query.
func collect[T any](ctx context.Context, s *Store, scan pgx.RowToFunc[T], query string, args ...any) (all []T, err error) {
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scan)
		return err
	})
	return all, err
}

// migrating is the number of the lock that whoever copies into the database holds.
const migrating = naming + 1

// Migrating lets nobody else copy into the database until leave is called, or the process ends. Where somebody
// does so already, the error wraps store.ErrBusy, and says who.
func (s *Store) Migrating(ctx context.Context) (leave func() error, err error) {
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		pooled, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		conn := pooled.Hijack() // the lock is that of the connection
		leave = func() error { return conn.Close(context.WithoutCancel(ctx)) }
		var alone bool
		if err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", migrating).Scan(&alone); err == nil && !alone {
			var from string
			err = conn.QueryRow(ctx, `SELECT coalesce(max(host(client_addr)), 'this machine') || ', since ' || coalesce(max(backend_start)::text, 'just now')
				FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND classid = 0 AND objid = $1 AND granted
				AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())`, migrating).Scan(&from)
			if err == nil {
				err = fmt.Errorf("%w (from %s)", store.ErrBusy, from)
			}
		}
		if err != nil {
			err = errors.Join(err, leave())
		}
		return err
	})
	return leave, err
}

// Accounts implements store.Copies.
func (s *Store) Accounts(ctx context.Context) ([]store.Account, error) {
	return collect(ctx, s, func(row pgx.CollectableRow) (a store.Account, err error) {
		var keyMade *time.Time
		err = row.Scan(&a.ID, &a.Name, &a.Email, &a.PasswordHash, &a.TokenTag, moment{&a.CreatedAt}, &a.Disabled, &a.BuiltIn,
			&a.Quota, &a.KeySHA256, &keyMade)
		if keyMade != nil {
			a.KeyCreatedAt = keyMade.UTC()
		}
		return a, err
	}, `SELECT u.id, u.username, coalesce(u.email, ''), coalesce(u.password_hash, ''), u.token_tag, u.created_at, u.disabled, u.builtin,
		coalesce(u.quota, -1), coalesce(k.key_sha256, ''), k.created_at
		FROM users u LEFT JOIN api_keys k ON k.user_id = u.id ORDER BY u.id`)
}

// ChunkRecords implements store.Copies.
func (s *Store) ChunkRecords(ctx context.Context, userID string) ([]store.ChunkRecord, error) {
	return collect(ctx, s, func(row pgx.CollectableRow) (c store.ChunkRecord, err error) {
		var by []byte
		err = row.Scan(&c.Seq, &c.ID, &by, moment{&c.CreatedAt}, &c.Sessions, &c.Memories, &c.Prompts, &c.Version,
			&c.Size, &c.BodySHA256, &c.DataSHA256)
		c.CreatedBy = string(by)
		return c, err
	}, `SELECT seq, chunk_id, created_by, created_at, sessions, memories, prompts, version, size, body_sha256, coalesce(data_sha256, '')
		FROM chunks WHERE user_id = $1 ORDER BY seq`, userID)
}

// KeyedBatches implements store.Copies.
func (s *Store) KeyedBatches(ctx context.Context, userID, after string, limit int) ([]store.KeyedBatch, error) {
	return collect(ctx, s, pgx.RowToStructByPos[store.KeyedBatch], `SELECT idempotency_key, sha256, accepted, last_seq FROM mutation_pushes
		WHERE user_id = $1 AND idempotency_key > $2 ORDER BY idempotency_key LIMIT $3`, userID, after, limit)
}

// Common implements store.Copies.
func (s *Store) Common(ctx context.Context) (c store.Common, err error) {
	c.Invitations, err = collect(ctx, s, func(row pgx.CollectableRow) (i store.Invitation, err error) {
		return i, row.Scan(&i.SHA256, moment{&i.Until})
	}, "SELECT code_sha256, until FROM invitations ORDER BY code_sha256")
	if err != nil {
		return c, err
	}
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, "SELECT (SELECT "+lastOf+" FROM chunk_seqs), (SELECT "+lastOf+" FROM mutation_seqs)").Scan(&c.LastChunk, &c.LastRow)
	})
	return c, err
}

// lastOf is the last number that a sequence gave, 0 before the first.
const lastOf = "CASE WHEN is_called THEN last_value ELSE 0 END"

// raise lets a sequence give no number again up to last.
func raise(ctx context.Context, tx pgx.Tx, sequence string, last int64) error {
	_, err := tx.Exec(ctx, "SELECT setval($1::regclass, $2) FROM "+sequence+" WHERE $2 > "+lastOf, sequence, last)
	return err
}

// KeepAccount implements store.Copies.
func (s *Store) KeepAccount(ctx context.Context, a store.Account) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", naming); err != nil {
			return err
		}
		var taken bool
		err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM users WHERE id <> $1 AND (username IN ($2, $3) OR email IN ($2, nullif($3, ''))))",
			a.ID, a.Name, a.Email).Scan(&taken)
		if err != nil {
			return err
		}
		if taken {
			return store.ErrUserExists
		}
		_, err = tx.Exec(ctx, `INSERT INTO users (id, username, email, password_hash, token_tag, created_at, disabled, builtin, quota, manifest_tag)
			VALUES ($1, $2, nullif($3, ''), nullif($4, ''), $5, $6, $7, $8, CASE WHEN $9::bigint >= 0 THEN $9::bigint END, $10)
			ON CONFLICT (id) DO UPDATE SET username = excluded.username, email = excluded.email, password_hash = excluded.password_hash,
			token_tag = excluded.token_tag, created_at = excluded.created_at, disabled = excluded.disabled, builtin = excluded.builtin,
			quota = excluded.quota`,
			a.ID, a.Name, a.Email, a.PasswordHash, a.TokenTag, a.CreatedAt, a.Disabled, a.BuiltIn, a.Quota, rand.Text())
		if err != nil {
			return err
		}
		if a.KeySHA256 == "" {
			_, err = tx.Exec(ctx, "DELETE FROM api_keys WHERE user_id = $1", a.ID)
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO api_keys (user_id, key_sha256, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (user_id) DO UPDATE SET key_sha256 = excluded.key_sha256, created_at = excluded.created_at`,
			a.ID, a.KeySHA256, a.KeyCreatedAt)
		return err
	})
}

// KeepChunk implements store.Copies.
func (s *Store) KeepChunk(ctx context.Context, userID string, c store.ChunkRecord, body io.Reader) error {
	return s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		number, err := insertBody(ctx, tx, userID, c.Size, body)
		if err != nil {
			return err
		}
		var size int64
		err = tx.QueryRow(ctx, "SELECT coalesce(sum(size), 0)::bigint FROM chunks WHERE user_id = $1 AND chunk_id = $2", userID, c.ID).Scan(&size)
		if err != nil {
			return err
		}
		if err := useAnyway(ctx, tx, userID, c.Size-size); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM chunks WHERE user_id = $1 AND chunk_id = $2", userID, c.ID); err != nil {
			return err
		}
		if err := insertChunk(ctx, tx, userID, c, number); err != nil {
			return err
		}
		return raise(ctx, tx, "chunk_seqs", c.Seq)
	})
}

// useAnyway counts bytes for a user's quota, which does not bound them.
func useAnyway(ctx context.Context, tx pgx.Tx, userID string, more int64) error {
	changed, err := tx.Exec(ctx, "UPDATE users SET used = used + $1 WHERE id = $2", more, userID)
	if err == nil && changed.RowsAffected() == 0 {
		return store.ErrNoUser
	}
	return err
}

// KeepJournal implements store.Copies.
func (s *Store) KeepJournal(ctx context.Context, userID string, rows []store.JournalRow, batches []store.KeyedBatch) error {
	var size int64
	for _, r := range rows {
		size += r.Bytes()
	}
	return s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := useAnyway(ctx, tx, userID, size); err != nil {
			return err
		}
		if len(rows) > 0 {
			if err := copyRows(ctx, tx, userID, len(rows), func(i int) store.JournalRow { return rows[i] }); err != nil {
				return err
			}
			if err := raise(ctx, tx, "mutation_seqs", rows[len(rows)-1].Seq); err != nil {
				return err
			}
		}
		var inserts pgx.Batch // in one round trip
		for _, b := range batches {
			inserts.Queue(`INSERT INTO mutation_pushes (user_id, idempotency_key, sha256, accepted, last_seq)
				VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, userID, b.Key, b.SHA256, b.Accepted, b.LastSeq)
		}
		return tx.SendBatch(ctx, &inserts).Close()
	})
}

// KeepCommon implements store.Copies.
func (s *Store) KeepCommon(ctx context.Context, c store.Common) error {
	return s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := raise(ctx, tx, "chunk_seqs", c.LastChunk); err != nil {
			return err
		}
		if err := raise(ctx, tx, "mutation_seqs", c.LastRow); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM invitations"); err != nil {
			return err
		}
		for _, i := range c.Invitations {
			if _, err := tx.Exec(ctx, "INSERT INTO invitations (code_sha256, until) VALUES ($1, $2)", i.SHA256, i.Until); err != nil {
				return err
			}
		}
		return nil
	})
}
