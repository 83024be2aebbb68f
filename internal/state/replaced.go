package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Replaced are the chunks whose place others have taken in one chunk directory, because
// text was taken out of them or since they were only what an old client had left of the
// others: they are not wanted any more, on whichever remote they are. It is safe for
// concurrent use in one process; the lock on the directory keeps others away.
type Replaced struct {
	root Root
	path string

	mu   sync.Mutex
	file replacedFile
}

type replacedFile struct {
	Schema int                               `json:"schema"`
	Dir    string                            `json:"dir"`
	Chunks map[engram.ChunkID]engram.ChunkID `json:"chunks"`
}

// OpenReplaced reads what is known of a directory. Of what cannot be read nothing is known.
func OpenReplaced(root Root, dir string) *Replaced {
	r := &Replaced{root: root, path: root.Path("replaced", fileName(dir)+".json")}
	text, err := sharing.ReadFile(r.path)
	if err != nil || checkSchema(text, 1) != nil || json.Unmarshal(text, &r.file) != nil || r.file.Dir != dir {
		r.file = replacedFile{}
	}
	r.file.Schema, r.file.Dir = 1, dir
	return r
}

// By gives the chunk that has taken the place of one.
func (r *Replaced) By(id engram.ChunkID) (engram.ChunkID, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	by, ok := r.file.Chunks[id]
	return by, ok
}

// Replaces says whether a chunk has taken the place of another one.
func (r *Replaced) Replaces(by engram.ChunkID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.file.Chunks {
		if id == by {
			return true
		}
	}
	return false
}

// Add remembers a pair. It is on disk when Add returns.
func (r *Replaced) Add(id, by engram.ChunkID) error {
	return r.AddAll(map[engram.ChunkID]engram.ChunkID{id: by})
}

// AddAll is Add for many.
func (r *Replaced) AddAll(pairs map[engram.ChunkID]engram.ChunkID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.file
	next.Chunks = maps.Clone(next.Chunks)
	if next.Chunks == nil {
		next.Chunks = map[engram.ChunkID]engram.ChunkID{}
	}
	maps.Copy(next.Chunks, pairs)
	for _, by := range pairs {
		delete(next.Chunks, by) // which somebody wants again
	}
	text, err := json.MarshalIndent(next, "", "  ")
	if err == nil {
		err = r.root.write(r.path, text)
	}
	if err != nil {
		return fmt.Errorf("remember which chunks are not wanted any more: %w", err)
	}
	r.file = next
	return nil
}
