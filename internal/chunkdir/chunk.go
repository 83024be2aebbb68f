package chunkdir

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// readBuffer and writeBuffer are how much of a chunk file is read or written at a time.
const (
	readBuffer  = 32 << 10
	writeBuffer = 32 << 10
)

// OpenChunk reads the chunk of the given id out of its file, as a stream that
// checks gzip, size, JSON shape and hash on its way (see engram.Chunk). What is
// wrong with the content is an error for which errors.Is finds
// engram.ErrDamaged, here or from Read: not gzip, a cut file, a wrong checksum,
// anything behind the one gzip member. A missing file gives an error that wraps
// fs.ErrNotExist, something else than a file one that wraps ErrNotRegular. The
// caller closes the chunk.
func (d *Dir) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	return d.open(id, id)
}

// OpenEdited is OpenChunk for a file whose content may have another id than its
// name says: the chunk gets the one that fits.
func (d *Dir) OpenEdited(id engram.ChunkID) (*engram.Chunk, error) {
	return d.open(id, engram.ChunkID{})
}

// open opens the file of a chunk, to be checked against an id.
func (d *Dir) open(id, expected engram.ChunkID) (*engram.Chunk, error) {
	f, info, err := d.openChunkFile(id)
	if err != nil {
		return nil, fmt.Errorf("cannot open chunk %s: %w", id, err)
	}
	content := &chunkContent{id: id, file: f}
	if err := content.readHeader(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	c := engram.NewChunk(expected, content, d.opts.MaxChunkBytes)
	c.SizeHint = claimedSize(f, info)
	return c, nil
}

// claimedSize is what the gzip trailer (ISIZE of RFC 1952) says of the content,
// modulo 4 GiB. Whether that is true shows when the content is read.
func claimedSize(f *os.File, info fs.FileInfo) int64 {
	var trailer [4]byte
	if _, err := f.ReadAt(trailer[:], info.Size()-int64(len(trailer))); err != nil {
		return 0 // too short to have one, or the first Read meets the same error
	}
	return int64(binary.LittleEndian.Uint32(trailer[:]))
}

func (d *Dir) openChunkFile(id engram.ChunkID) (*os.File, fs.FileInfo, error) {
	if id.IsZero() {
		return nil, nil, engram.ErrBadChunkID // or any content would fit it
	}
	if err := d.checkChunks(); err != nil {
		return nil, nil, err
	}
	if err := d.checkSpelling(id); err != nil {
		return nil, nil, err
	}
	return repofile.Open(d.chunkPath(id))
}

// chunkContent is the uncompressed content of a chunk file. Its Read gives
// io.EOF only where the gzip member was whole and the last thing in the file.
type chunkContent struct {
	id        engram.ChunkID
	file      *os.File
	*unzipper // nil behind the end
	// What the disk said, if anything: not to be taken for damage.
	fileErr error
}

// ErrPointer is the damage of a file that Git LFS has put in the place of a chunk.
var ErrPointer = fmt.Errorf("its file is a pointer of Git LFS: %w", engram.ErrDamaged)

const pointerHead = "version https://git-lfs"

// unzipper is what it takes to read one file after the other. Its buffers and tables are
// as large as many chunks.
type unzipper struct {
	in  *bufio.Reader // of the file
	zip gzip.Reader
}

var unzippers = sync.Pool{New: func() any { return &unzipper{in: bufio.NewReaderSize(nil, readBuffer)} }}

func (c *chunkContent) readHeader() error {
	c.unzipper, _ = unzippers.Get().(*unzipper)
	c.in.Reset(fileReader{c})
	if head, _ := c.in.Peek(len(pointerHead)); string(head) == pointerHead {
		return fmt.Errorf("chunk %s: %w", c.id, ErrPointer)
	}
	err := c.zip.Reset(c.in)
	switch {
	case errors.Is(err, io.EOF):
		return c.fail("its file is empty", nil)
	case err != nil:
		return c.fail("its file is not gzip", err)
	}
	// engram writes one member. What follows it would be a second content.
	c.zip.Multistream(false)
	return nil
}

func (c *chunkContent) Read(p []byte) (int, error) {
	if c.unzipper == nil {
		return 0, io.EOF
	}
	n, err := c.zip.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		return n, c.end()
	case err != nil:
		return n, c.fail("its gzip data", err)
	}
	return n, nil
}

// end looks behind the gzip member, whose checksum and size were good.
func (c *chunkContent) end() error {
	_, err := c.in.ReadByte()
	switch {
	case err == nil:
		return c.fail("something follows its gzip data", nil)
	case err != io.EOF:
		return c.fail("its gzip data", err)
	}
	// Only here: whoever closes early may do so while somebody else still reads.
	c.in.Reset(nil)
	unzippers.Put(c.unzipper)
	c.unzipper = nil
	return io.EOF
}

func (c *chunkContent) fail(reason string, cause error) error {
	if c.fileErr != nil {
		return fmt.Errorf("cannot read chunk %s: %w", c.id, c.fileErr)
	}
	if errors.Is(cause, io.ErrUnexpectedEOF) {
		reason, cause = "its file is cut short", nil
	}
	return &engram.DamageError{ID: c.id, Reason: reason, Err: cause}
}

func (c *chunkContent) Close() error { return c.file.Close() }

// fileReader remembers why the file could not be read.
type fileReader struct{ c *chunkContent }

func (r fileReader) Read(p []byte) (int, error) {
	n, err := r.c.file.Read(p)
	if err != nil && err != io.EOF {
		r.c.fileErr = err
	}
	return n, err
}

// ErrCollision is wrapped by the error about two different chunks that hash to
// the same id: ids have only 32 bits.
var ErrCollision = errors.New("another chunk has the same id")

// WriteChunk reads c to its end and stores it under its id. Only a verified
// chunk gets a name on disk; before that its bytes are in a temporary file in
// chunks/, which is gone when WriteChunk returns, or after the next Lock where
// the process was killed.
//
// A good file is never rewritten, because releases of Go compress differently;
// a good file with other content is ErrCollision. A damaged file is replaced; one
// under another name that is in the way is not, and is a *SpellingError.
// ctx is looked at between reads. The caller closes c.
//
// The bytes are durable then. That the file is there is so when AddEntries or
// ReplaceManifest has returned: many chunks share that sync.
func (d *Dir) WriteChunk(ctx context.Context, c *engram.Chunk) (err error) {
	if err := d.makeChunks(); err != nil {
		return fmt.Errorf("cannot write a chunk: %w", err)
	}
	if err := d.checkSpelling(c.ID()); err != nil {
		return fmt.Errorf("cannot write chunk %s: %w", c.ID(), err)
	}
	f, err := atomicfile.Create(d.chunkPath(c.ID()), filePerm)
	if err != nil {
		return err
	}
	// Does nothing after NameAs.
	defer func() { err = errors.Join(err, f.Discard()) }()
	if err := compress(ctx, f, c); err != nil {
		return err
	}
	present, err := d.holds(ctx, c)
	if err != nil || present {
		return err
	}
	return f.NameAs(d.chunkPath(c.ID()))
}

// RemoveChunk removes the file of a chunk, which no manifest entry may name any more.
func (d *Dir) RemoveChunk(id engram.ChunkID) error {
	if err := d.checkChunks(); err != nil {
		return fmt.Errorf("remove chunk %s: %w", id, err)
	}
	if err := d.checkSpelling(id); err != nil {
		return fmt.Errorf("remove chunk %s: %w", id, err)
	}
	if err := d.syncChunks(); err != nil { // what took its place
		return fmt.Errorf("remove chunk %s: %w", id, err)
	}
	return sharing.Remove(d.chunkPath(id))
}

// syncChunks makes durable that the chunk files are there which were written so far.
func (d *Dir) syncChunks() error {
	if there := d.checkChunks() == nil; there {
		return atomicfile.SyncDir(filepath.Join(d.path, ChunksName))
	}
	return nil // none was
}

func (d *Dir) makeChunks() error {
	err := d.checkChunks()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Mkdir(filepath.Join(d.path, ChunksName), dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.checkChunks()
}

// zipper is what it takes to write one file after the other. It takes most of a megabyte.
type zipper struct {
	piece [readBuffer]byte
	zip   *gzip.Writer
	out   *bufio.Writer // to the file: gzip writes pieces of 240 bytes
}

var zippers = sync.Pool{New: func() any {
	return &zipper{zip: gzip.NewWriter(nil), out: bufio.NewWriterSize(nil, writeBuffer)}
}}

// compress writes all of c, verified, as engram does: default level, no name, no time.
func compress(ctx context.Context, w io.Writer, c *engram.Chunk) error {
	z, _ := zippers.Get().(*zipper)
	defer zippers.Put(z)
	z.out.Reset(w)
	z.zip.Reset(z.out)
	n, err := io.CopyBuffer(z.zip, cancellable.Reader(ctx, c), z.piece[:])
	if err != nil {
		return err
	}
	// c may have been read before, and be verified all the same.
	if !c.Verified() || n != c.Size() {
		return fmt.Errorf("cannot write chunk %s: it was not read from start to end", c.ID())
	}
	if err := z.zip.Close(); err != nil {
		return err
	}
	return z.out.Flush()
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
