package state

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
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
	// Texts are keyed hashes of whole texts, by the chunk that they were taken out of and the row.
	Texts map[engram.ChunkID]map[string][]string `json:"texts,omitempty"`
	Key   []byte                                 `json:"key,omitempty"`
}

// OpenReplaced reads what is known of a directory. Of what cannot be read nothing is known.
func OpenReplaced(root Root, dir string) *Replaced {
	r := &Replaced{root: root, path: root.Path("replaced", fileName(dir)+".json")}
	text, err := sharing.ReadFile(r.path)
	if err != nil || CheckSchema(text, 1) != nil || json.Unmarshal(text, &r.file) != nil || r.file.Dir != dir {
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
	return r.TakeOut(map[engram.ChunkID]engram.ChunkID{id: by}, nil)
}

// TakenOut says of the texts of a row whether one was taken out, whole and as it was, of a chunk that is not here. texts
// is called only for rows of which something was.
func (r *Replaced) TakenOut(here func(engram.ChunkID) bool) func(row string, texts func() []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := map[string][]string{}
	for id, rows := range r.file.Texts {
		if here(id) { // somebody wants it again
			continue
		}
		for row, sums := range rows {
			taken[row] = append(taken[row], sums...)
		}
	}
	key := r.file.Key
	return func(row string, texts func() []string) bool {
		sums, ok := taken[row]
		return ok && slices.ContainsFunc(texts(), func(text string) bool { return slices.Contains(sums, sumOf(key, row, text)) })
	}
}

// sumOf is what is remembered of a text in place of it.
func sumOf(key []byte, row, text string) string {
	sum := hmac.New(sha256.New, key)
	io.WriteString(sum, row+"\x00"+text) //nolint:errcheck // a hash takes everything
	return hex.EncodeToString(sum.Sum(nil))
}

// TakeOut is Add for many. texts are what stood in rows of the old chunks and does not in the new ones, whole.
func (r *Replaced) TakeOut(pairs map[engram.ChunkID]engram.ChunkID, texts map[engram.ChunkID]map[string][]string) error {
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
	if len(texts) > 0 && len(next.Key) == 0 {
		next.Key = make([]byte, sha256.Size)
		_, _ = rand.Read(next.Key) // it never fails
	}
	next.Texts = maps.Clone(next.Texts)
	for id, rows := range texts {
		if next.Texts == nil {
			next.Texts = map[engram.ChunkID]map[string][]string{}
		}
		sums := map[string][]string{} // also what an earlier run, which was killed, took out
		for row, had := range next.Texts[id] {
			sums[row] = slices.Clone(had)
		}
		for row, whole := range rows {
			for _, text := range whole {
				if sum := sumOf(next.Key, row, text); !slices.Contains(sums[row], sum) {
					sums[row] = append(sums[row], sum)
				}
			}
		}
		next.Texts[id] = sums
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
