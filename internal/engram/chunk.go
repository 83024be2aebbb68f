// Package engram holds the nouns of Engram's formats, with the rules that belong
// to each: chunk, manifest, row, mutation. Every other package may use them; they
// know nothing of disks, networks or clocks.
package engram

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/rowstream"
)

// DefaultMaxChunkBytes bounds the uncompressed size of a chunk where nobody
// chose another bound: a gzip file of a few kilobytes can hold gigabytes.
const DefaultMaxChunkBytes = 512 << 20

// Chunk is the content of one chunk as a stream that checks itself: Read gives
// io.EOF only when the bytes were exactly one JSON object, with perhaps white
// space behind it, within the size limit, and hash to the id. Otherwise the last Read gives an error for which
// errors.Is finds ErrDamaged, or the error of the source. Whoever stores or
// sends the bytes must not make them count before that io.EOF.
// A Chunk is read once, by one goroutine.
type Chunk struct {
	// SizeHint is how many bytes the source claims to hold; 0 if it makes no
	// claim. It is good for plans and progress, and proves nothing.
	SizeHint int64
	// Progress, if set, hears of every piece that was read, by its length.
	Progress func(n int)
	// AtEnd, if set, hears once that all was read and is good: nothing more comes from the source.
	AtEnd func()
	// Signs has the bytes looked through for what MayTell says, which takes about as
	// long as all the rest of reading them.
	Signs bool

	id    ChunkID // zero: the content names itself
	src   io.ReadCloser
	limit int64
	hash  hash.Hash
	scan  *jsonscan.Scanner
	rows  *rowstream.Lists // whoever reads the rows, if anybody does
	also  *listener        // whoever hears of them besides
	size  int64
	sum   [sha256.Size]byte
	last  []byte // the end of the piece before, where a sign may begin
	told  bool
	tail  []byte // what is still to be given out, once src has ended
	err   error  // of the last Read, for good
}

// Tailed is a source that may have taken white space at the end of the content for
// that of what is around it. Tail gives it once the source has ended: the hash
// says where it belongs.
type Tailed interface{ Tail() []byte }

// NewChunk reads the chunk of the given id from src, which holds its
// uncompressed bytes, at most limit of them.
func NewChunk(id ChunkID, src io.ReadCloser, limit int64) *Chunk {
	return &Chunk{id: id, src: src, limit: limit, hash: sha256.New(), scan: jsonscan.New(0)}
}

// AddressChunk is NewChunk for content that gets the id that it hashes to.
func AddressChunk(src io.ReadCloser, limit int64) *Chunk {
	return NewChunk(ChunkID{}, src, limit)
}

func (c *Chunk) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if len(c.tail) > 0 {
		n := copy(p, c.tail)
		if c.tail = c.tail[n:]; len(c.tail) == 0 {
			c.end(io.EOF)
		}
		return n, c.err
	}
	n, err := c.src.Read(p)
	if err := c.check(p[:n]); err != nil {
		c.end(err)
		return 0, err
	}
	if c.Progress != nil && n > 0 {
		c.Progress(n)
	}
	if err == io.EOF { //nolint:errorlint // an error that wraps io.EOF is not the end of the source
		err = c.finish()
	}
	c.end(err)
	return n, err
}

// end keeps how a Read ended, and tells of the end of all of it.
func (c *Chunk) end(err error) {
	if c.err = err; c.err == nil {
		return
	}
	if c.also != nil {
		if c.Verified() {
			err = c.rows.Err()
		}
		c.also.end(err)
		if c.rows == c.also.lists {
			c.rows = nil
		}
		c.also.lists.Free()
		c.also = nil
	}
	if c.Verified() && c.AtEnd != nil {
		c.AtEnd()
	}
}

// check takes in bytes on their way through.
func (c *Chunk) check(p []byte) error {
	if c.size += int64(len(p)); c.size > c.limit {
		return c.damage(fmt.Sprintf("more than %d bytes uncompressed", c.limit), nil)
	}
	c.hash.Write(p)
	if c.Signs && !c.told {
		c.lookForSigns(p)
	}
	if c.scan.Offset() == 0 && bytes.HasPrefix(p, BOM) {
		return c.damage("a byte order mark stands before its JSON object", nil)
	}
	if c.rows != nil {
		c.rows.Take(p)
		defer c.rows.Taken()
	}
	for len(p) > 0 {
		if c.scan.Done() { // an editor's newline is a part of the bytes
			if p = bytes.TrimLeft(p, " \t\r\n"); len(p) > 0 {
				return c.damage("something follows its JSON object", nil)
			}
			return nil
		}
		n, event, err := c.scan.Next(p)
		if err != nil {
			return c.damage("its content", err)
		}
		// An object at byte 0 leaves no room for white space before it, which
		// the wire would not carry.
		if event == jsonscan.Begin && c.scan.Depth() == 0 && (c.scan.Kind() != jsonscan.Object || c.scan.Offset() != 0) {
			return c.damage("it is not exactly one JSON object", nil)
		}
		if c.rows != nil {
			c.rows.On(event)
		}
		p = p[n:]
	}
	return nil
}

// finish decides whether the end of the source is the end of a good chunk.
func (c *Chunk) finish() error {
	if err := c.scan.Close(); err != nil {
		return c.damage("its content", err)
	}
	c.hash.Sum(c.sum[:0])
	actual := IDOf(c.sum)
	if c.id.IsZero() {
		c.id = actual
	}
	switch {
	case c.id == actual:
		return io.EOF
	case c.takeTail():
		return nil // it comes with the next Read
	}
	return &MismatchError{ID: c.id, Actual: actual}
}

// takeTail says whether the content fits its id with what its source has held back.
func (c *Chunk) takeTail() bool {
	src, ok := c.src.(Tailed)
	if !ok || len(src.Tail()) == 0 || c.check(src.Tail()) != nil {
		return false
	}
	c.tail = src.Tail()
	c.hash.Sum(c.sum[:0])
	return IDOf(c.sum) == c.id
}

func (c *Chunk) damage(reason string, cause error) error {
	return &DamageError{ID: c.id, Reason: reason, Err: cause}
}

// ID is the id that the content is checked against; for AddressChunk it is
// zero until the end was read.
func (c *Chunk) ID() ChunkID { return c.id }

// Size is how many bytes were read so far.
func (c *Chunk) Size() int64 { return c.size }

// Verified says whether the chunk was read to its end and found good.
func (c *Chunk) Verified() bool {
	return c.err == io.EOF //nolint:errorlint // only finish says io.EOF itself
}

// Sum is the SHA-256 of the content. It is only good once Verified.
func (c *Chunk) Sum() [sha256.Size]byte { return c.sum }

// Close closes the source. It may be called at any time.
func (c *Chunk) Close() error { return c.src.Close() }

// Stray is something among chunk files that is none.
type Stray struct {
	Name   string // as the disk has it: quote it before it reaches a terminal
	Reason string
}

// ErrBadChunkID is wrapped by every error about text that is not a chunk id.
var ErrBadChunkID = errors.New("not a chunk id (8 lower-case hex digits)")

const chunkIDLen = 8

// ChunkID names a chunk: the first 8 hex digits, in lower case, of the SHA-256
// of its uncompressed bytes. The zero value is no id. A ChunkID that is not
// zero is safe to use in a path or a URL. It is comparable, so it can be a map key, and
// has no pointer in it: there are hundreds of thousands.
type ChunkID struct {
	// A private field: only ParseChunkID and IDOf make ids. Zero bytes are no digits.
	hex [chunkIDLen]byte
}

// ParseChunkID accepts exactly 8 lower-case hex digits, and nothing else:
// the account server treats upper-case ids as different chunks, and ids from
// the wire end up in paths.
func ParseChunkID(s string) (ChunkID, error) {
	id, ok := chunkIDOf(s)
	if !ok {
		return id, fmt.Errorf("%.40q: %w", s, ErrBadChunkID)
	}
	return id, nil
}

// chunkIDOf is ParseChunkID for who needs no words.
func chunkIDOf[T string | []byte](text T) (id ChunkID, ok bool) {
	if len(text) != chunkIDLen {
		return ChunkID{}, false
	}
	for i := range id.hex {
		c := text[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ChunkID{}, false
		}
		id.hex[i] = c
	}
	return id, true
}

// IDOf is the id of content whose SHA-256 is sum.
func IDOf(sum [32]byte) ChunkID {
	var id ChunkID
	hex.Encode(id.hex[:], sum[:chunkIDLen/2])
	return id
}

// String gives the 8 hex digits, or "" for the zero value.
func (id ChunkID) String() string {
	if id.IsZero() {
		return ""
	}
	return string(id.hex[:])
}

func (id ChunkID) IsZero() bool { return id == ChunkID{} }

// Compare orders ids by their digits.
func (id ChunkID) Compare(other ChunkID) int {
	return cmp.Compare(binary.BigEndian.Uint64(id.hex[:]), binary.BigEndian.Uint64(other.hex[:]))
}

func (id ChunkID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

func (id *ChunkID) UnmarshalText(text []byte) error {
	parsed, err := ParseChunkID(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}
