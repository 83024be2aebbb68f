package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"io"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/server/pieces"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

func (s *Store) PutChunk(ctx context.Context, userID string, c store.NewChunk, body io.Reader) error {
	body = cancellable.Reader(ctx, body)
	return s.update(ctx, c.Size, func(ctx context.Context, tx *transaction) error {
		var seq, size int64
		var dataSum string
		err := tx.QueryRowContext(ctx, "SELECT seq, size, coalesce(data_sha256, '') FROM chunks WHERE user_id = ? AND chunk_id = ?",
			userID, c.ID).Scan(&seq, &size, &dataSum)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return s.addChunk(ctx, tx, userID, c, c.Size, body)
		case err != nil:
			return err
		}
		if replaces, err := c.Replaces(dataSum); err != nil || !replaces {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM chunks WHERE seq = ?", seq); err != nil {
			return err
		}
		return s.addChunk(ctx, tx, userID, c, c.Size-size, body)
	})
}

// addChunk adds a chunk, by which the user keeps so many bytes more.
func (s *Store) addChunk(ctx context.Context, tx *transaction, userID string, c store.NewChunk, more int64, body io.Reader) error {
	if err := s.use(ctx, tx, userID, more); err != nil {
		return err
	}
	return insertChunk(ctx, tx, userID, store.ChunkRecord{NewChunk: c, CreatedAt: s.now()}, body)
}

// insertChunk writes a chunk, which gets a new number where it has none.
func insertChunk(ctx context.Context, tx *transaction, userID string, c store.ChunkRecord, body io.Reader) error {
	result, err := tx.ExecContext(ctx, `INSERT INTO chunks
		(seq, user_id, chunk_id, created_by, created_at, sessions, memories, prompts, version, size, body_sha256, data_sha256)
		VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''))`,
		c.Seq, userID, c.ID, c.CreatedBy, timestamp(c.CreatedAt), c.Sessions, c.Memories, c.Prompts, c.Version, c.Size, c.BodySHA256, c.DataSHA256)
	if err != nil {
		return err
	}
	seq, err := result.LastInsertId()
	if err != nil {
		return err
	}
	err = pieces.Each(body, c.Size, func(start int64, piece []byte) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO pieces (chunk, start, bytes) VALUES (?, ?, ?)", seq, start, piece)
		return err
	})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE users SET manifest_tag = ? WHERE id = ?", rand.Text(), userID)
	return err
}

func (s *Store) Manifest(ctx context.Context, userID string, take func(store.ChunkEntry) error) (tag string, err error) {
	err = s.view(ctx, func(tx *transaction) error {
		if tag, err = manifestTag(ctx, tx, userID); err != nil {
			return err
		}
		var e store.ChunkEntry
		return eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
			err = rows.Scan(&e.ID, &e.CreatedBy, moment{&e.CreatedAt}, &e.Sessions, &e.Memories, &e.Prompts, &e.Version)
			if err == nil {
				err = take(e)
			}
			return true, err
		}, `SELECT chunk_id, created_by, created_at, sessions, memories, prompts, version
			FROM chunks WHERE user_id = ? ORDER BY seq`, userID)
	})
	return tag, err
}

func (s *Store) ManifestTag(ctx context.Context, userID string) (string, error) {
	tag, err := manifestTag(ctx, s.read, userID)
	return tag, withKind(err)
}

func manifestTag(ctx context.Context, q querier, userID string) (tag string, err error) {
	err = q.QueryRowContext(ctx, "SELECT manifest_tag FROM users WHERE id = ?", userID).Scan(&tag)
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNoUser
	}
	return tag, err
}

// OpenChunk implements store.Chunks. Between pieces no transaction is held. Nobody finds a
// piece of a chunk that was replaced: a seq is never used again.
func (s *Store) OpenChunk(ctx context.Context, userID, chunkID string) (store.Body, error) {
	var seq int64
	var sum string
	body := &pieces.Reader{Load: func(at int64, into []byte) (start int64, piece []byte, err error) {
		err = eachRow(ctx, s.read, func(rows *sql.Rows) (more bool, err error) {
			var bytes sql.RawBytes // copied once
			err = rows.Scan(&start, &bytes)
			piece = append(into, bytes...)
			return true, err
		}, "SELECT start, bytes FROM pieces WHERE chunk = ? AND start <= ? ORDER BY start DESC LIMIT 1", seq, at)
		return start, piece, withKind(err)
	}}
	err := s.read.QueryRowContext(ctx, "SELECT seq, size, body_sha256 FROM chunks WHERE user_id = ? AND chunk_id = ?",
		userID, chunkID).Scan(&seq, &body.Size, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Body{}, store.ErrNoChunk
	}
	return store.Body{ReadSeeker: body, SHA256: sum}, withKind(err)
}
