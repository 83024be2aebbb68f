package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Index remembers which versions of rows the chunk files of one directory hold,
// so that they are read once. It is a cache: a file that is missing, damaged or
// of another release is an empty one, and it is safe to delete. It is safe for
// concurrent use in one process; of two processes, the last one to save counts.
type Index struct {
	file Cache

	mu      sync.Mutex
	chunks  map[engram.ChunkID]indexedChunk
	used    map[engram.ChunkID]bool
	changed bool
}

// indexedChunk is what is known of one chunk file.
type indexedChunk struct {
	stamp    string
	versions []engram.RowVersion
}

// OpenIndex reads the index of a chunk directory.
func OpenIndex(root Root, chunkDir string) *Index {
	x := &Index{file: OpenCache(root, "index", chunkDir), used: map[engram.ChunkID]bool{}}
	x.chunks = decodeIndex(x.file.read())
	return x
}

// Versions gives what was added for the id, if the stamp is still the same. The
// chunk is then among those that Save keeps.
func (x *Index) Versions(id engram.ChunkID, stamp string) ([]engram.RowVersion, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	chunk, ok := x.chunks[id]
	if !ok || chunk.stamp != stamp {
		return nil, false
	}
	x.used[id] = true
	return chunk.versions, true
}

// Add remembers what a verified chunk file holds.
func (x *Index) Add(id engram.ChunkID, stamp string, versions []engram.RowVersion) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.chunks[id] = indexedChunk{stamp, versions}
	x.used[id], x.changed = true, true
}

// Save writes the index, if there is anything new, without the chunks that
// nobody asked for. One that would be too large is not kept at all.
func (x *Index) Save() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.changed && len(x.used) == len(x.chunks) {
		return nil
	}
	for id := range x.chunks {
		if !x.used[id] {
			delete(x.chunks, id)
		}
	}
	text, err := encodeIndex(x.chunks)
	if err == nil {
		err = x.file.write(text)
	}
	if err != nil {
		return err
	}
	x.changed = false
	return nil
}

// indexHeader stands first in an index. It changes with what a version is.
const indexHeader = "engram-sync index 1\n"

// encodeIndex writes chunks in the order of their ids: for each the id, the
// length of its stamp, the stamp, the number of versions, the versions.
func encodeIndex(chunks map[engram.ChunkID]indexedChunk) ([]byte, error) {
	out := []byte(indexHeader)
	ids := slices.SortedFunc(maps.Keys(chunks), engram.ChunkID.Compare)
	for _, id := range ids {
		chunk := chunks[id]
		stamp := chunk.stamp[:min(len(chunk.stamp), 255)]
		out = append(out, id.String()...)
		out = append(append(out, byte(len(stamp))), stamp...)
		out = binary.BigEndian.AppendUint32(out, uint32(len(chunk.versions)))
		var err error
		if out, err = binary.Append(out, binary.BigEndian, chunk.versions); err != nil {
			return nil, fmt.Errorf("encode the index of chunks: %w", err)
		}
	}
	return out, nil
}

// decodeIndex is never nil. Text that ends too early, or is another release's,
// gives an empty index.
func decodeIndex(text []byte) map[engram.ChunkID]indexedChunk {
	chunks := map[engram.ChunkID]indexedChunk{}
	in, ok := bytes.CutPrefix(text, []byte(indexHeader))
	for ok && len(in) > 0 {
		var id engram.ChunkID
		var chunk indexedChunk
		if id, chunk, in, ok = decodeChunk(in); ok {
			chunks[id] = chunk
		}
	}
	if !ok {
		return map[engram.ChunkID]indexedChunk{}
	}
	return chunks
}

func decodeChunk(in []byte) (id engram.ChunkID, chunk indexedChunk, rest []byte, ok bool) {
	const idLen = 8
	if len(in) <= idLen {
		return id, chunk, nil, false
	}
	id, err := engram.ParseChunkID(string(in[:idLen]))
	stampLen, in := int(in[idLen]), in[idLen+1:]
	if err != nil || len(in) < stampLen+4 {
		return id, chunk, nil, false
	}
	chunk.stamp = string(in[:stampLen])
	n, in := int(binary.BigEndian.Uint32(in[stampLen:])), in[stampLen+4:]
	size := binary.Size(engram.RowVersion{})
	if n > len(in)/size {
		return id, chunk, nil, false
	}
	chunk.versions = make([]engram.RowVersion, n)
	used, err := binary.Decode(in, binary.BigEndian, chunk.versions)
	return id, chunk, in[used:], err == nil
}
