package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
)

// storedBody reads the body of a chunk piece by piece. Between pieces it holds
// no transaction, so slow clients delay nobody. It fails if the chunk is
// replaced meanwhile. It is an io.ReadSeeker for http.ServeContent.
type storedBody struct {
	ctx  context.Context // of the request, for the queries behind Read
	db   *database
	seq  int64
	size int64
	sum  string // SHA-256 of the body in hex

	at    int64
	start int64 // of piece
	piece []byte
	err   error // of the last Read, other than io.EOF
}

// body finds a chunk of an account. errNoChunk says that there is none.
func (s *chunkStore) body(ctx context.Context, userID, chunkID string) (*storedBody, error) {
	b := &storedBody{ctx: ctx, db: s.db}
	err := s.db.read.QueryRowContext(ctx, "SELECT seq, size, body_sha256 FROM chunks WHERE user_id = ? AND chunk_id = ?",
		userID, chunkID).Scan(&b.seq, &b.size, &b.sum)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNoChunk
	}
	return b, err
}

// Read implements io.Reader.
func (b *storedBody) Read(p []byte) (int, error) {
	if b.at >= b.size {
		return 0, io.EOF
	}
	if b.at < b.start || b.at >= b.start+int64(len(b.piece)) {
		if b.err = b.load(); b.err != nil {
			return 0, b.err
		}
	}
	n := copy(p, b.piece[b.at-b.start:])
	b.at += int64(n)
	return n, nil
}

// load gets the piece that the next byte lies in.
func (b *storedBody) load() error {
	err := b.db.read.QueryRowContext(b.ctx,
		"SELECT start, bytes FROM pieces WHERE chunk = ? AND start <= ? ORDER BY start DESC LIMIT 1", b.seq, b.at).
		Scan(&b.start, &b.piece)
	if err == nil && b.at >= b.start+int64(len(b.piece)) {
		err = errors.New("there is a gap")
	}
	if err != nil {
		b.piece = nil
		return fmt.Errorf("read a stored body at %d of %d: %w", b.at, b.size, err)
	}
	return nil
}

// Seek implements io.Seeker.
func (b *storedBody) Seek(offset int64, whence int) (int64, error) {
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
