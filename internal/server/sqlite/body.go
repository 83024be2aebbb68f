package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// body reads the body of a chunk piece by piece. Between pieces it holds no
// transaction. It finds no piece of a chunk that was replaced: a seq is never
// used again.
type body struct {
	ctx  context.Context // of the request, for the queries behind Read
	db   *sql.DB
	seq  int64
	size int64

	at    int64
	start int64 // of piece
	piece []byte
}

// OpenChunk implements store.Chunks.
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

// Read implements io.Reader.
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
	rows, err := b.db.QueryContext(b.ctx,
		"SELECT start, bytes FROM pieces WHERE chunk = ? AND start <= ? ORDER BY start DESC LIMIT 1", b.seq, b.at)
	if err == nil {
		err = eachRow(rows, func() (more bool, err error) {
			var piece sql.RawBytes // copied once, into the memory of the piece before
			err = rows.Scan(&b.start, &piece)
			b.piece = append(b.piece, piece...)
			return true, err
		})
	}
	if err == nil && b.at >= b.start+int64(len(b.piece)) {
		err = errors.New("there is a gap")
	}
	if err != nil {
		b.piece = b.piece[:0]
		return fmt.Errorf("read a stored body at %d of %d: %w", b.at, b.size, withKind(err))
	}
	return nil
}

// Seek implements io.Seeker.
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
