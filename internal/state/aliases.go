package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Aliases are the reduced chunks of one remote that were restored: the id that
// the remote gives them, and the id here, which fits their bytes. It is safe
// for concurrent use in one process; the lock on the chunk directory keeps
// others away.
type Aliases struct {
	root   Root
	path   string
	remote string

	mu        sync.Mutex
	pairs     map[engram.ChunkID]engram.ChunkID
	elsewhere map[engram.ChunkID]engram.ChunkID // those of other remotes
}

// aliasFile is the content of the file.
type aliasFile struct {
	Schema  int                               `json:"schema"`
	Remote  string                            `json:"remote"`
	Reduced map[engram.ChunkID]engram.ChunkID `json:"reduced"`
}

// OpenAliases reads what is known of the remote with the given base URL.
func OpenAliases(root Root, remote string) (*Aliases, error) {
	a := &Aliases{
		root:   root,
		path:   root.Path("reduced", fileName(remote)+".json"),
		remote: remote,
		pairs:  map[engram.ChunkID]engram.ChunkID{}, elsewhere: map[engram.ChunkID]engram.ChunkID{},
	}
	if err := readPairs(a.path, a.pairs); err != nil {
		return nil, err
	}
	for _, path := range filesBeside(a.path) {
		if path != a.path {
			_ = readPairs(path, a.elsewhere) // whoever asks that remote is told
		}
	}
	return a, nil
}

// readPairs adds the pairs in a file, if there is one.
func readPairs(path string, pairs map[engram.ChunkID]engram.ChunkID) error {
	text, err := sharing.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the restored chunks: %w", err)
	}
	var file aliasFile
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("read the restored chunks: %s: %w (it can be deleted: the next pull makes it anew)", path, err)
	}
	maps.Copy(pairs, file.Reduced)
	return nil
}

// Restored gives the id here of what any remote had of a chunk.
func (a *Aliases) Restored(id engram.ChunkID) (engram.ChunkID, bool) {
	if local, ok := a.Local(id); ok {
		return local, true
	}
	local, ok := a.elsewhere[id]
	return local, ok
}

// Local gives the id here for an id there.
func (a *Aliases) Local(remote engram.ChunkID) (engram.ChunkID, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	local, ok := a.pairs[remote]
	return local, ok
}

// Add remembers a pair. It is on disk when Add returns.
func (a *Aliases) Add(remote, local engram.ChunkID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	pairs := maps.Clone(a.pairs)
	pairs[remote] = local
	text, err := json.MarshalIndent(aliasFile{Schema: 1, Remote: a.remote, Reduced: pairs}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the restored chunks: %w", err)
	}
	if err := a.root.write(a.path, text); err != nil {
		return fmt.Errorf("remember restored chunk %s: %w", remote, err)
	}
	a.pairs = pairs
	return nil
}
