package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// body reads the body of a chunk piece by piece. Between pieces it holds no
// connection. It finds no piece of a chunk that was replaced: a body's number is never
// used again.
type body struct {
	ctx    context.Context // of the request, for the queries behind Read
	store  *Store
	number int64
	size   int64

	at    int64
	start int64 // of piece
	piece []byte
}

// OpenChunk implements store.Chunks.
func (s *Store) OpenChunk(ctx context.Context, userID, chunkID string) (store.Body, error) {
	b := &body{ctx: ctx, store: s}
	var sum string
	err := s.whileOpen(ctx, func(ctx context.Context) error {
		err := s.pool.QueryRow(ctx, "SELECT body, size, body_sha256 FROM chunks WHERE user_id = $1 AND chunk_id = $2",
			userID, chunkID).Scan(&b.number, &b.size, &sum)
		if errors.Is(err, pgx.ErrNoRows) {
			return store.ErrNoChunk
		}
		return err
	})
	if err != nil {
		return store.Body{}, err
	}
	return store.Body{ReadSeeker: b, SHA256: sum}, nil
}

func (b *body) Read(p []byte) (int, error) {
	if b.at >= b.size {
		return 0, io.EOF
	}
	if b.at < b.start || b.at >= b.start+int64(len(b.piece)) {
		if err := b.store.whileOpen(b.ctx, b.load); err != nil {
			b.piece = b.piece[:0]
			return 0, fmt.Errorf("read a stored body at %d of %d: %w", b.at, b.size, err)
		}
	}
	n := copy(p, b.piece[b.at-b.start:])
	b.at += int64(n)
	return n, nil
}

// load gets the piece that the next byte lies in.
func (b *body) load(ctx context.Context) error {
	err := b.store.pool.QueryRow(ctx, "SELECT start, bytes FROM pieces WHERE body = $1 AND start <= $2 ORDER BY start DESC LIMIT 1",
		b.number, b.at).Scan(&b.start, &b.piece)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && b.at >= b.start+int64(len(b.piece)) {
		return inputError{errors.New("there is a gap")}
	}
	return err
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
