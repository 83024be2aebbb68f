package state

import (
	"bytes"
	"crypto/rand"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Verified remembers what was read out of each chunk file of one directory that was found
// good. It is a cache, as an Index is, for one release: another one may find more in a file.
// It is safe for concurrent use in one process; of two processes, the last one to save counts.
type Verified struct {
	file   Cache
	header []byte
	secret [32]byte

	mu      sync.Mutex
	chunks  map[engram.ChunkID]indexedChunk[byte]
	changed bool
}

// OpenVerified reads what is remembered of a chunk directory. rules name all that decides
// what is found in a file, the release among it. No state directory is made for it: nil where
// there is none.
func OpenVerified(root Root, chunkDir, rules string) *Verified {
	return openRead(root, "verified", chunkDir, rules)
}

// OpenScanned is OpenVerified for which secrets were found in each chunk file.
func OpenScanned(root Root, chunkDir, rules string) *Verified {
	return openRead(root, "scanned", chunkDir, rules)
}

func openRead(root Root, kind, chunkDir, rules string) *Verified {
	if !exists(root.dir) {
		return nil
	}
	v := &Verified{file: OpenCache(root, kind, chunkDir), header: []byte("engram-sync " + kind + " 1, " + rules + "\n")}
	text, ok := bytes.CutPrefix(v.file.read(), v.header)
	if !ok || len(text) < len(v.secret) {
		_, _ = rand.Read(v.secret[:]) // which never fails
		text = nil
	} else {
		text = text[copy(v.secret[:], text):]
	}
	v.chunks = decodeIndex[byte](text)
	return v
}

// Secret is for who hashes what is remembered: as long as it is, it stays the same.
func (v *Verified) Secret() [32]byte { return v.secret }

// Recall gives what is kept of a chunk file, if the stamp is still the same.
func (v *Verified) Recall(id engram.ChunkID, stamp string) ([]byte, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	chunk, ok := v.chunks[id]
	return chunk.values, ok && chunk.stamp == stamp
}

// Keep remembers what a good chunk file holds.
func (v *Verified) Keep(id engram.ChunkID, stamp string, what []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.chunks[id], v.changed = indexedChunk[byte]{stamp, what}, true
}

// Forget has the file read next time.
func (v *Verified) Forget(id engram.ChunkID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.chunks[id]; ok {
		delete(v.chunks, id)
		v.changed = true
	}
}

// Save writes what is new, of the chunks that there are. One that would be too large is not
// kept at all.
func (v *Verified) Save(there []engram.ChunkID) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	kept := make(map[engram.ChunkID]indexedChunk[byte], len(there))
	for _, id := range there {
		if chunk, ok := v.chunks[id]; ok {
			kept[id] = chunk
		}
	}
	if !v.changed && len(kept) == len(v.chunks) {
		return nil
	}
	text, err := encodeIndex(kept)
	if err != nil {
		return err
	}
	return v.file.write(slices.Concat(v.header, v.secret[:], text))
}
