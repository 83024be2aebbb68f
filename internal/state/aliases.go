package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Aliases are the reduced chunks of one remote that were accepted: the id that
// the remote gives them, and the id here, which fits their bytes. It is safe
// for concurrent use in one process; the lock on the chunk directory keeps
// others away.
type Aliases struct {
	path   string
	remote string

	mu    sync.Mutex
	pairs map[engram.ChunkID]engram.ChunkID
}

// aliasFile is the content of the file.
type aliasFile struct {
	Schema  int                               `json:"schema"`
	Remote  string                            `json:"remote"`
	Reduced map[engram.ChunkID]engram.ChunkID `json:"reduced"`
}

// OpenAliases reads what is known of the remote with the given base URL. dir is
// the state directory.
func OpenAliases(dir, remote string) (*Aliases, error) {
	a := &Aliases{
		path:   filepath.Join(dir, "reduced", fileName(remote)+".json"),
		remote: remote,
		pairs:  map[engram.ChunkID]engram.ChunkID{},
	}
	text, err := os.ReadFile(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the accepted reduced chunks: %w", err)
	}
	file := aliasFile{Reduced: a.pairs}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("read the accepted reduced chunks: %s: %w (it can be deleted: pull --accept-reduced makes it anew)", a.path, err)
	}
	if file.Reduced != nil {
		a.pairs = file.Reduced
	}
	return a, nil
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
		return fmt.Errorf("encode the accepted reduced chunks: %w", err)
	}
	if err := write(a.path, text); err != nil {
		return fmt.Errorf("remember reduced chunk %s: %w", remote, err)
	}
	a.pairs = pairs
	return nil
}
