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

// Index remembers what was read out of each chunk file of one directory, as values
// of a fixed size, so that it is read once. It is a cache: a file that is missing, damaged or
// of another release is an empty one, and it is safe to delete. It is safe for
// concurrent use in one process; of two processes, the last one to save counts.
type Index[V any] struct {
	file Cache

	mu      sync.Mutex
	chunks  map[engram.ChunkID]indexedChunk[V]
	used    map[engram.ChunkID]bool
	changed bool
}

// indexedChunk is what is known of one chunk file.
type indexedChunk[V any] struct {
	stamp  string
	values []V
}

// OpenIndex reads the index of a chunk directory.
func OpenIndex[V any](root Root, chunkDir string) *Index[V] {
	x := &Index[V]{file: OpenCache(root, "index", chunkDir), used: map[engram.ChunkID]bool{}}
	x.chunks = decodeIndex[V](x.file.read())
	return x
}

// Read gives what was added for the id, if the stamp is still the same. The
// chunk is then among those that Save keeps.
func (x *Index[V]) Read(id engram.ChunkID, stamp string) ([]V, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	chunk, ok := x.chunks[id]
	if !ok || chunk.stamp != stamp {
		return nil, false
	}
	x.used[id] = true
	return chunk.values, true
}

// Add remembers what a verified chunk file holds.
func (x *Index[V]) Add(id engram.ChunkID, stamp string, values []V) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.chunks[id] = indexedChunk[V]{stamp, values}
	x.used[id], x.changed = true, true
}

// Save writes the index, if there is anything new, without the chunks that
// nobody asked for. One that would be too large is not kept at all.
func (x *Index[V]) Save() error {
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

// indexHeader stands first in an index. It changes with what the values are.
func indexHeader[V any]() string {
	return fmt.Sprintf("engram-sync index 3, %d\n", binary.Size(*new(V)))
}

// encodeIndex writes chunks in the order of their ids: for each the id, the
// length of its stamp, the stamp, the number of values, the values.
func encodeIndex[V any](chunks map[engram.ChunkID]indexedChunk[V]) ([]byte, error) {
	const perChunk = 512 // bytes, at most, besides the values
	size := 0
	for _, chunk := range chunks {
		size += perChunk + len(chunk.values)*binary.Size(*new(V))
	}
	out := append(make([]byte, 0, size+perChunk), indexHeader[V]()...)
	ids := slices.SortedFunc(maps.Keys(chunks), engram.ChunkID.Compare)
	for _, id := range ids {
		chunk := chunks[id]
		stamp := chunk.stamp[:min(len(chunk.stamp), 255)]
		out = append(out, id.String()...)
		out = append(append(out, byte(len(stamp))), stamp...)
		out = binary.BigEndian.AppendUint32(out, uint32(len(chunk.values)))
		var err error
		if out, err = binary.Append(out, binary.BigEndian, chunk.values); err != nil {
			return nil, fmt.Errorf("encode the index of chunks: %w", err)
		}
	}
	return out, nil
}

// decodeIndex is never nil. Text that ends too early, or is another release's,
// gives an empty index.
func decodeIndex[V any](text []byte) map[engram.ChunkID]indexedChunk[V] {
	chunks := map[engram.ChunkID]indexedChunk[V]{}
	in, ok := bytes.CutPrefix(text, []byte(indexHeader[V]()))
	for ok && len(in) > 0 {
		var id engram.ChunkID
		var chunk indexedChunk[V]
		if id, chunk, in, ok = decodeChunk[V](in); ok {
			chunks[id] = chunk
		}
	}
	if !ok {
		return map[engram.ChunkID]indexedChunk[V]{}
	}
	return chunks
}

func decodeChunk[V any](in []byte) (id engram.ChunkID, chunk indexedChunk[V], rest []byte, ok bool) {
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
	size := binary.Size(*new(V))
	if n > len(in)/size {
		return id, chunk, nil, false
	}
	chunk.values = make([]V, n)
	used, err := binary.Decode(in, binary.BigEndian, chunk.values)
	return id, chunk, in[used:], err == nil
}
