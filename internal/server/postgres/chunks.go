package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/engram-sync/engram-sync/internal/server/pieces"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// PutChunk implements store.Chunks. The body is stored first, under a number that
// nobody else has. Only then the user's row is locked, until the commit: that is
// what gives the chunks of a user their order, and one of many who put the same id its win.
func (s *Store) PutChunk(ctx context.Context, userID string, c store.NewChunk, body io.Reader) error {
	err := s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, _, err := mustStore(ctx, tx, userID, c); err != nil {
			return err
		}
		number, err := insertBody(ctx, tx, userID, c.Size, body)
		if err != nil {
			return err
		}
		// Another may have been faster.
		before, size, err := mustStore(ctx, tx, userID, c)
		if err != nil {
			return err
		}
		if err := s.use(ctx, tx, userID, c.Size-size); err != nil {
			return err
		}
		if before != 0 {
			if _, err := tx.Exec(ctx, "DELETE FROM chunks WHERE seq = $1", before); err != nil {
				return err
			}
		}
		return insertChunk(ctx, tx, userID, store.ChunkRecord{NewChunk: c, CreatedAt: s.timestamp()}, number)
	})
	if errors.Is(err, errPresent) {
		return nil
	}
	return err
}

// insertBody writes a body under a number of its own, and then locks the user's row.
func insertBody(ctx context.Context, tx pgx.Tx, userID string, size int64, body io.Reader) (number int64, err error) {
	if err := tx.QueryRow(ctx, "SELECT nextval('bodies')").Scan(&number); err != nil {
		return 0, err
	}
	err = pieces.Each(body, size, func(start int64, piece []byte) error {
		_, err := tx.Exec(ctx, "INSERT INTO pieces (body, start, bytes) VALUES ($1, $2, $3)", number, start, piece)
		return err
	})
	if err == nil {
		_, err = tx.Exec(ctx, "UPDATE users SET manifest_tag = $1 WHERE id = $2", rand.Text(), userID)
	}
	return number, err
}

// insertChunk writes a chunk, whose body is there, and which gets a new number where it has none.
func insertChunk(ctx context.Context, tx pgx.Tx, userID string, c store.ChunkRecord, body int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO chunks (seq, user_id, chunk_id, created_by, created_at, sessions, memories, prompts, version,
		size, body, body_sha256, data_sha256)
		VALUES (coalesce(nullif($1::bigint, 0), nextval('chunk_seqs')), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, nullif($13, ''))`,
		c.Seq, userID, c.ID, []byte(c.CreatedBy), c.CreatedAt, c.Sessions, c.Memories, c.Prompts, c.Version,
		c.Size, body, c.BodySHA256, c.DataSHA256)
	return err
}

// errPresent rolls back what turns out to be there already.
var errPresent = store.WithKind(store.ErrConflict, errors.New("the chunk is present"))

// mustStore is nil if c is to be stored, in place of the chunk with this seq and size, or of
// none (0). It is errPresent where nothing changes, and ErrOtherData where nothing may.
func mustStore(ctx context.Context, tx pgx.Tx, userID string, c store.NewChunk) (seq, size int64, err error) {
	var dataSum string
	err = tx.QueryRow(ctx, "SELECT seq, size, coalesce(data_sha256, '') FROM chunks WHERE user_id = $1 AND chunk_id = $2",
		userID, c.ID).Scan(&seq, &size, &dataSum)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, 0, nil
	case err != nil:
		return 0, 0, err
	}
	replaces, err := c.Replaces(dataSum)
	if err == nil && !replaces {
		err = errPresent
	}
	return seq, size, err
}

// OpenChunk implements store.Chunks. Between pieces no connection is held. Nobody finds a
// piece of a chunk that was replaced: a body's number is never used again.
func (s *Store) OpenChunk(ctx context.Context, userID, chunkID string) (store.Body, error) {
	var number int64
	var sum string
	body := &pieces.Reader{Load: func(at int64, into []byte) (start int64, piece []byte, err error) {
		piece = into
		err = s.whileOpen(ctx, func(ctx context.Context) error {
			err := s.pool.QueryRow(ctx, "SELECT start, bytes FROM pieces WHERE body = $1 AND start <= $2 ORDER BY start DESC LIMIT 1",
				number, at).Scan(&start, &piece)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		})
		return start, piece, err
	}}
	err := s.whileOpen(ctx, func(ctx context.Context) error {
		err := s.pool.QueryRow(ctx, "SELECT body, size, body_sha256 FROM chunks WHERE user_id = $1 AND chunk_id = $2",
			userID, chunkID).Scan(&number, &body.Size, &sum)
		if errors.Is(err, pgx.ErrNoRows) {
			return store.ErrNoChunk
		}
		return err
	})
	if err != nil {
		return store.Body{}, err
	}
	return store.Body{ReadSeeker: body, SHA256: sum}, nil
}

// Manifest implements store.Chunks.
func (s *Store) Manifest(ctx context.Context, userID string, take func(store.ChunkEntry) error) (tag string, err error) {
	err = s.view(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if tag, err = manifestTag(ctx, tx, userID); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT chunk_id, created_by, created_at, sessions, memories, prompts, version
			FROM chunks WHERE user_id = $1 ORDER BY seq`, userID)
		if err != nil {
			return err
		}
		var e store.ChunkEntry
		var by []byte
		_, err = pgx.ForEachRow(rows, []any{&e.ID, &by, moment{&e.CreatedAt}, &e.Sessions, &e.Memories, &e.Prompts, &e.Version}, func() error {
			e.CreatedBy = string(by)
			return take(e)
		})
		return err
	})
	return tag, err
}

// ManifestTag implements store.Chunks.
func (s *Store) ManifestTag(ctx context.Context, userID string) (tag string, err error) {
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		tag, err = manifestTag(ctx, s.pool, userID)
		return err
	})
	return tag, err
}

func manifestTag(ctx context.Context, q querier, userID string) (tag string, err error) {
	err = q.QueryRow(ctx, "SELECT manifest_tag FROM users WHERE id = $1", userID).Scan(&tag)
	if errors.Is(err, pgx.ErrNoRows) {
		err = store.ErrNoUser
	}
	return tag, err
}
