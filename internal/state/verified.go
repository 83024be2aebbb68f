package state

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Verified remembers what was read out of the good files of one chunk directory, so
// that they need not be read again. It is a cache: a file that is missing, damaged or
// of another rule is an empty one, and it is safe to delete. It may be read by several
// goroutines at once; of two processes, the last one to replace it counts.
type Verified struct {
	file   Cache
	header string
	key    [16]byte
	chunks map[engram.ChunkID]VerifiedChunk
}

// VerifiedChunk is what is known of one file.
type VerifiedChunk struct {
	Stamp string // of at most 255 bytes; another one says that the file is not the same
	Facts []byte // don't modify them
}

// OpenVerified reads what is remembered of a chunk directory. rule is one line that
// changes with what the facts are, and with what is taken for good.
func OpenVerified(root Root, chunkDir, rule string) *Verified {
	v := &Verified{file: OpenCache(root, "verified", chunkDir), header: "engram-sync verified 1, " + rule + "\n"}
	if !v.decode(v.file.read()) {
		v.chunks = map[engram.ChunkID]VerifiedChunk{}
		_, _ = rand.Read(v.key[:]) // it never fails
	}
	return v
}

// Key is a secret that the facts may be made with. It is the same as long as they are kept.
func (v *Verified) Key() [16]byte { return v.key }

// Chunk gives what is known of a chunk.
func (v *Verified) Chunk(id engram.ChunkID) (VerifiedChunk, bool) {
	c, ok := v.chunks[id]
	return c, ok
}

// Replace puts what is known of all chunks in the place of what was, if that is another.
func (v *Verified) Replace(chunks map[engram.ChunkID]VerifiedChunk) error {
	if maps.EqualFunc(v.chunks, chunks, func(a, b VerifiedChunk) bool { return a.Stamp == b.Stamp && bytes.Equal(a.Facts, b.Facts) }) {
		return nil
	}
	out := append([]byte(v.header), v.key[:]...)
	for _, id := range slices.SortedFunc(maps.Keys(chunks), engram.ChunkID.Compare) {
		c := chunks[id]
		if len(c.Stamp) > 255 {
			continue
		}
		out = append(append(append(out, id.String()...), byte(len(c.Stamp))), c.Stamp...)
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(c.Facts))), c.Facts...)
	}
	v.chunks = chunks
	return v.file.write(out)
}

// decode is false for text that ends too early, or is of another rule.
func (v *Verified) decode(text []byte) bool {
	in, ok := bytes.CutPrefix(text, []byte(v.header))
	if !ok || len(in) < len(v.key) {
		return false
	}
	in = in[copy(v.key[:], in):]
	v.chunks = map[engram.ChunkID]VerifiedChunk{}
	take := func(n int) (taken []byte) {
		if ok = ok && n <= len(in); ok {
			taken, in = in[:n], in[n:]
		}
		return taken
	}
	for ok && len(in) > 0 {
		id, err := engram.ParseChunkID(string(take(8)))
		var c VerifiedChunk
		if length := take(1); ok {
			c.Stamp = string(take(int(length[0])))
		}
		if length := take(4); ok {
			c.Facts = take(int(binary.BigEndian.Uint32(length)))
		}
		ok = ok && err == nil
		v.chunks[id] = c
	}
	return ok
}
