// Package pieces cuts the bodies of chunks into what one row of a database takes, and
// reads them from there. The packages of databases call it, so that none of them ever has a body whole.
package pieces

import (
	"errors"
	"fmt"
	"io"
)

// Size is how many bytes a piece has at most.
const Size = 256 << 10

// BodyError says that a body could not be read while it was to be stored: no fault of
// the database.
type BodyError struct {
	At, Of int64
	Err    error
}

func (e *BodyError) Error() string {
	return fmt.Sprintf("read a body at %d of %d: %v", e.At, e.Of, e.Err)
}

func (e *BodyError) Unwrap() error { return e.Err }

// Each hands keep one piece of a body of so many bytes after the other, with its offset.
// A piece is good until keep returns.
func Each(body io.Reader, size int64, keep func(start int64, piece []byte) error) error {
	piece := make([]byte, min(size, Size))
	for start := int64(0); start < size; {
		n, err := io.ReadFull(body, piece[:min(size-start, Size)])
		if err != nil {
			return &BodyError{start, size, err}
		}
		if err := keep(start, piece[:n]); err != nil {
			return err
		}
		start += int64(n)
	}
	return nil
}

// Reader reads a stored body of Size bytes, in whole or in parts, and has one piece of it
// at a time. It is not safe for concurrent use.
type Reader struct {
	Size int64
	// Load gives the piece that begins at a byte or before it and nearest to it, with its
	// offset: nothing if there is none. It may write it into the memory of the one before.
	Load func(at int64, into []byte) (start int64, piece []byte, err error)

	at    int64
	start int64 // of piece
	piece []byte
}

func (r *Reader) Read(p []byte) (int, error) {
	if r.at >= r.Size {
		return 0, io.EOF
	}
	if !r.loaded() {
		var err error
		r.start, r.piece, err = r.Load(r.at, r.piece[:0])
		if err == nil && !r.loaded() {
			err = errors.New("there is a gap")
		}
		if err != nil {
			r.piece = r.piece[:0]
			return 0, fmt.Errorf("read a stored body at %d of %d: %w", r.at, r.Size, err)
		}
	}
	n := copy(p, r.piece[r.at-r.start:])
	r.at += int64(n)
	return n, nil
}

// loaded says whether the next byte lies in the piece at hand.
func (r *Reader) loaded() bool { return r.start <= r.at && r.at < r.start+int64(len(r.piece)) }

// Seek implements io.Seeker.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start of a stored body")
	}
	r.at = offset
	return offset, nil
}
