package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// pieceSize is how much of a body is in one row, and so in memory at a time.
const pieceSize = 256 << 10

func (s *Store) PutChunk(ctx context.Context, userID string, c store.NewChunk, body io.Reader) error {
	body = cancellable.Reader(ctx, body)
	return s.update(ctx, c.Size, func(ctx context.Context, tx *transaction) error {
		var seq int64
		var dataSum string
		err := tx.QueryRowContext(ctx, "SELECT seq, coalesce(data_sha256, '') FROM chunks WHERE user_id = ? AND chunk_id = ?",
			userID, c.ID).Scan(&seq, &dataSum)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return s.insertChunk(ctx, tx, userID, c, body)
		case err != nil:
			return err
		}
		if replaces, err := c.Replaces(dataSum); err != nil || !replaces {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM chunks WHERE seq = ?", seq); err != nil {
			return err
		}
		return s.insertChunk(ctx, tx, userID, c, body)
	})
}

func (s *Store) insertChunk(ctx context.Context, tx *transaction, userID string, c store.NewChunk, body io.Reader) error {
	result, err := tx.ExecContext(ctx, `INSERT INTO chunks
		(user_id, chunk_id, created_by, created_at, sessions, memories, prompts, version, size, body_sha256, data_sha256)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''))`,
		userID, c.ID, c.CreatedBy, s.timestamp(), c.Sessions, c.Memories, c.Prompts, c.Version, c.Size, c.BodySHA256, c.DataSHA256)
	if err != nil {
		return err
	}
	seq, err := result.LastInsertId()
	if err != nil {
		return err
	}
	if err := insertPieces(ctx, tx, seq, c.Size, body); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE users SET manifest_tag = ? WHERE id = ?", rand.Text(), userID)
	return err
}

func insertPieces(ctx context.Context, tx *transaction, seq, size int64, body io.Reader) error {
	piece := make([]byte, min(size, pieceSize))
	for start := int64(0); start < size; {
		n, err := io.ReadFull(body, piece[:min(size-start, pieceSize)])
		if err != nil {
			return fmt.Errorf("read a body at %d of %d: %w", start, size, err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO pieces (chunk, start, bytes) VALUES (?, ?, ?)", seq, start, piece[:n]); err != nil {
			return err
		}
		start += int64(n)
	}
	return nil
}

func (s *Store) Manifest(ctx context.Context, userID string) (tag string, entries []store.ChunkEntry, err error) {
	err = s.view(ctx, func(tx *transaction) error {
		if tag, err = manifestTag(ctx, tx, userID); err != nil {
			return err
		}
		return eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
			var e store.ChunkEntry
			err = rows.Scan(&e.ID, &e.CreatedBy, moment{&e.CreatedAt}, &e.Sessions, &e.Memories, &e.Prompts, &e.Version)
			entries = append(entries, e)
			return true, err
		}, `SELECT chunk_id, created_by, created_at, sessions, memories, prompts, version
			FROM chunks WHERE user_id = ? ORDER BY seq`, userID)
	})
	return tag, entries, err
}

func (s *Store) ManifestTag(ctx context.Context, userID string) (string, error) {
	tag, err := manifestTag(ctx, s.read, userID)
	return tag, withKind(err)
}

func manifestTag(ctx context.Context, q querier, userID string) (tag string, err error) {
	err = q.QueryRowContext(ctx, "SELECT manifest_tag FROM users WHERE id = ?", userID).Scan(&tag)
	return tag, err
}

// body reads the body of a chunk piece by piece. Between pieces it holds no
// transaction. It finds no piece of a chunk that was replaced: a seq is never
// used again.
type body struct {
	ctx  context.Context // of the request, for the queries behind Read
	db   querier
	seq  int64
	size int64

	at    int64
	start int64 // of piece
	piece []byte
}

func (s *Store) OpenChunk(ctx context.Context, userID, chunkID string) (store.Body, error) {
	b := &body{ctx: ctx, db: s.read}
	var sum string
	err := s.read.QueryRowContext(ctx, "SELECT seq, size, body_sha256 FROM chunks WHERE user_id = ? AND chunk_id = ?",
		userID, chunkID).Scan(&b.seq, &b.size, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Body{}, store.ErrNoChunk
	}
	return store.Body{ReadSeeker: b, SHA256: sum}, withKind(err)
}

func (b *body) Read(p []byte) (int, error) {
	if b.at >= b.size {
		return 0, io.EOF
	}
	if b.at < b.start || b.at >= b.start+int64(len(b.piece)) {
		if err := b.load(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.piece[b.at-b.start:])
	b.at += int64(n)
	return n, nil
}

// load gets the piece that the next byte lies in.
func (b *body) load() error {
	b.piece = b.piece[:0]
	err := eachRow(b.ctx, b.db, func(rows *sql.Rows) (more bool, err error) {
		var piece sql.RawBytes // copied once, into the memory of the piece before
		err = rows.Scan(&b.start, &piece)
		b.piece = append(b.piece, piece...)
		return true, err
	}, "SELECT start, bytes FROM pieces WHERE chunk = ? AND start <= ? ORDER BY start DESC LIMIT 1", b.seq, b.at)
	if err == nil && b.at >= b.start+int64(len(b.piece)) {
		err = errors.New("there is a gap")
	}
	if err != nil {
		b.piece = b.piece[:0]
		return fmt.Errorf("read a stored body at %d of %d: %w", b.at, b.size, withKind(err))
	}
	return nil
}

func (b *body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start of a stored body")
	}
	b.at = offset
	return offset, nil
}
