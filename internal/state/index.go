package state

import (
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Index remembers which versions of rows the chunk files of one directory hold,
// so that they are read once. It is a cache: a file that is missing, damaged or
// of another release is an empty one, and it is safe to delete. It is safe for
// concurrent use in one process; of two processes, the last one to save counts.
type Index struct {
	file cacheFile

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

// OpenIndex reads the index of a chunk directory. dir is the state directory.
func OpenIndex(dir, chunkDir string) *Index {
	x := &Index{file: newCacheFile(dir, "index", chunkDir), used: map[engram.ChunkID]bool{}}
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
