package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"io"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Accounts implements store.Copies.
func (s *Store) Accounts(ctx context.Context) (accounts []store.Account, err error) {
	err = s.view(ctx, func(tx *transaction) error {
		return eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
			var a store.Account
			var keyMade *string
			err = rows.Scan(&a.ID, &a.Name, &a.Email, &a.PasswordHash, &a.TokenTag, moment{&a.CreatedAt}, &a.Disabled, &a.BuiltIn,
				&a.Quota, &a.KeySHA256, &keyMade)
			if err == nil && keyMade != nil {
				err = moment{&a.KeyCreatedAt}.Scan(*keyMade)
			}
			accounts = append(accounts, a)
			return true, err
		}, `SELECT u.id, u.username, coalesce(u.email, ''), coalesce(u.password_hash, ''), u.token_tag, u.created_at, u.disabled, u.builtin,
			coalesce(u.quota, -1), coalesce(k.key_sha256, ''), k.created_at
			FROM users u LEFT JOIN api_keys k ON k.user_id = u.id ORDER BY u.id`)
	})
	return accounts, err
}

// ChunkRecords implements store.Copies.
func (s *Store) ChunkRecords(ctx context.Context, userID string) (records []store.ChunkRecord, err error) {
	err = s.view(ctx, func(tx *transaction) error {
		return eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
			var c store.ChunkRecord
			err = rows.Scan(&c.Seq, &c.ID, &c.CreatedBy, moment{&c.CreatedAt}, &c.Sessions, &c.Memories, &c.Prompts, &c.Version,
				&c.Size, &c.BodySHA256, &c.DataSHA256)
			records = append(records, c)
			return true, err
		}, `SELECT seq, chunk_id, created_by, created_at, sessions, memories, prompts, version, size, body_sha256, coalesce(data_sha256, '')
			FROM chunks WHERE user_id = ? ORDER BY seq`, userID)
	})
	return records, err
}

// KeyedBatches implements store.Copies.
func (s *Store) KeyedBatches(ctx context.Context, userID, after string, limit int) (batches []store.KeyedBatch, err error) {
	err = s.view(ctx, func(tx *transaction) error {
		return eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
			var b store.KeyedBatch
			err = rows.Scan(&b.Key, &b.SHA256, &b.Accepted, &b.LastSeq)
			batches = append(batches, b)
			return true, err
		}, `SELECT idempotency_key, sha256, accepted, last_seq FROM mutation_pushes
			WHERE user_id = ? AND idempotency_key > ? ORDER BY idempotency_key LIMIT ?`, userID, after, limit)
	})
	return batches, err
}

// Common implements store.Copies.
func (s *Store) Common(ctx context.Context) (c store.Common, err error) {
	err = s.view(ctx, func(tx *transaction) error {
		err := tx.QueryRowContext(ctx, `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'chunks'), 0),
			coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'mutations'), 0)`).Scan(&c.LastChunk, &c.LastRow)
		if err != nil {
			return err
		}
		return eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
			var i store.Invitation
			err = rows.Scan(&i.SHA256, moment{&i.Until})
			c.Invitations = append(c.Invitations, i)
			return true, err
		}, "SELECT code_sha256, until FROM invitations ORDER BY code_sha256")
	})
	return c, err
}

// KeepAccount implements store.Copies.
func (s *Store) KeepAccount(ctx context.Context, a store.Account) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx *transaction) error {
		var others int
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE id <> ?1 AND (username IN (?2, ?3) OR email IN (?2, nullif(?3, '')))",
			a.ID, a.Name, a.Email).Scan(&others)
		if err != nil {
			return err
		}
		if others > 0 {
			return store.ErrUserExists
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO users (id, username, email, password_hash, token_tag, created_at, disabled, builtin, quota, manifest_tag)
			VALUES (?, ?, nullif(?, ''), nullif(?, ''), ?, ?, ?, ?, CASE WHEN ?9 >= 0 THEN ?9 END, ?)
			ON CONFLICT (id) DO UPDATE SET username = excluded.username, email = excluded.email, password_hash = excluded.password_hash,
			token_tag = excluded.token_tag, created_at = excluded.created_at, disabled = excluded.disabled, builtin = excluded.builtin,
			quota = excluded.quota`,
			a.ID, a.Name, a.Email, a.PasswordHash, a.TokenTag, timestamp(a.CreatedAt), a.Disabled, a.BuiltIn, a.Quota, rand.Text())
		if err != nil {
			return err
		}
		if a.KeySHA256 == "" {
			_, err = tx.ExecContext(ctx, "DELETE FROM api_keys WHERE user_id = ?", a.ID)
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO api_keys (user_id, key_sha256, created_at) VALUES (?, ?, ?)",
			a.ID, a.KeySHA256, timestamp(a.KeyCreatedAt))
		return err
	})
}

// KeepChunk implements store.Copies.
func (s *Store) KeepChunk(ctx context.Context, userID string, c store.ChunkRecord, body io.Reader) error {
	body = cancellable.Reader(ctx, body)
	return s.update(ctx, c.Size, func(ctx context.Context, tx *transaction) error {
		var size int64
		err := tx.QueryRowContext(ctx, "SELECT coalesce(sum(size), 0) FROM chunks WHERE user_id = ? AND chunk_id = ?", userID, c.ID).Scan(&size)
		if err != nil {
			return err
		}
		if err := useAnyway(ctx, tx, userID, c.Size-size); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM chunks WHERE user_id = ? AND chunk_id = ?", userID, c.ID); err != nil {
			return err
		}
		return insertChunk(ctx, tx, userID, c, body)
	})
}

// useAnyway counts bytes for a user's quota, which does not bound them.
func useAnyway(ctx context.Context, tx *transaction, userID string, more int64) error {
	changed, err := countChanges(tx.ExecContext(ctx, "UPDATE users SET used = used + ? WHERE id = ?", more, userID))
	if err == nil && changed == 0 {
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
	return s.update(ctx, size, func(ctx context.Context, tx *transaction) error {
		if err := useAnyway(ctx, tx, userID, size); err != nil {
			return err
		}
		for some := range slices.Chunk(rows, rowsAtOnce) {
			args := append(make([]any, 0, 1+6*len(some)), userID)
			for _, r := range some {
				args = append(args, r.Seq, timestamp(r.OccurredAt), r.Entity, r.EntityKey, r.Op, string(r.Payload))
			}
			// Not prepared: the texts are as many as there are lengths.
			_, err := tx.Tx.ExecContext(ctx, "INSERT INTO mutations (user_id, seq, occurred_at, entity, entity_key, op, payload) VALUES "+
				strings.TrimSuffix(strings.Repeat("(?1, ?, ?, ?, ?, ?, ?), ", len(some)), ", "), args...)
			if err != nil {
				return err
			}
		}
		for _, b := range batches {
			_, err := tx.ExecContext(ctx, `INSERT INTO mutation_pushes (user_id, idempotency_key, sha256, accepted, last_seq)
				VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, userID, b.Key, b.SHA256, b.Accepted, b.LastSeq)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// KeepCommon implements store.Copies.
func (s *Store) KeepCommon(ctx context.Context, c store.Common) error {
	return s.update(ctx, 0, func(ctx context.Context, tx *transaction) error {
		for table, last := range map[string]int64{"chunks": c.LastChunk, "mutations": c.LastRow} {
			// SQLite has a row here only once a number was given.
			_, err := tx.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)", table)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", last, table); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM invitations"); err != nil {
			return err
		}
		for _, i := range c.Invitations {
			if _, err := tx.ExecContext(ctx, "INSERT INTO invitations (code_sha256, until) VALUES (?, ?)", i.SHA256, timestamp(i.Until)); err != nil {
				return err
			}
		}
		return nil
	})
}
