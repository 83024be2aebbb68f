package chunkdir

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// ErrCollision is wrapped by the error about two different chunks that hash to
// the same id: ids have only 32 bits.
var ErrCollision = errors.New("another chunk has the same id")

// WriteChunk reads c to its end and stores it under its id. Only a verified
// chunk gets a name on disk; before that its bytes are in a temporary file in
// chunks/, which is gone when WriteChunk returns, or after the next Lock where
// the process was killed.
//
// A good file is never rewritten, because releases of Go compress differently;
// a good file with other content is ErrCollision. A damaged file is replaced.
// ctx is looked at between reads. The caller closes c.
func (d *Dir) WriteChunk(ctx context.Context, c *engram.Chunk) (err error) {
	if err := d.makeChunks(); err != nil {
		return fmt.Errorf("cannot write a chunk: %w", err)
	}
	f, err := atomicfile.Create(d.chunkPath(c.ID()), filePerm)
	if err != nil {
		return err
	}
	// Does nothing after CommitAs.
	defer func() { err = errors.Join(err, f.Discard()) }()
	if err := d.compress(ctx, f, c); err != nil {
		return err
	}
	present, err := d.holds(ctx, c)
	if err != nil || present {
		return err
	}
	return f.CommitAs(d.chunkPath(c.ID()))
}

func (d *Dir) makeChunks() error {
	err := d.checkChunks()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Mkdir(filepath.Join(d.path, chunksName), dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.checkChunks()
}

// compress writes all of c, verified, as engram does: default level, no name, no time.
func (d *Dir) compress(ctx context.Context, w io.Writer, c *engram.Chunk) error {
	zip, ok := d.writers.Get().(*gzip.Writer)
	if !ok {
		zip = gzip.NewWriter(w)
	}
	defer d.writers.Put(zip)
	zip.Reset(w)
	n, err := io.Copy(zip, cancellable.Reader(ctx, c))
	if err != nil {
		return err
	}
	// c may have been read before, and be verified all the same.
	if !c.Verified() || n != c.Size() {
		return fmt.Errorf("cannot write chunk %s: it was not read from start to end", c.ID())
	}
	return zip.Close()
}

// holds says whether the content of c, which was verified, is there already.
func (d *Dir) holds(ctx context.Context, c *engram.Chunk) (_ bool, err error) {
	old, err := d.OpenChunk(c.ID())
	if replaceable(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Before a rename: Windows replaces no open file.
	defer func() { err = errors.Join(err, old.Close()) }()
	_, err = io.Copy(io.Discard, cancellable.Reader(ctx, old))
	if replaceable(err) {
		return false, nil
	}
	if err == nil && old.Sum() != c.Sum() {
		err = fmt.Errorf("cannot write chunk %s: %w", c.ID(), ErrCollision)
	}
	return err == nil, err
}

// replaceable says whether err, from reading a chunk file, is about a file that
// may be replaced by a good one, and not about the disk.
func replaceable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotRegular) || errors.Is(err, engram.ErrDamaged)
}
