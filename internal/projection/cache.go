package projection

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// cacheVersion belongs to what this package does with the rows, as canon.Version
// does to their canonical form: it changes when other parts come out.
const cacheVersion = 1

// maxCacheBytes bounds the file: one that is larger is nothing that we wrote.
const maxCacheBytes = 256 << 20

// cache remembers what chunks become, so that they need not be read again. Chunks
// never change, so what is right for an id stays right. A cache that can't be
// read or written costs time, and nothing else. Chunks alone uses it.
type cache struct {
	path  string
	dirty bool

	cacheFile
}

type cacheFile struct {
	Facts  map[engram.ChunkID]facts      `json:"facts"`
	Chunks map[engram.ChunkID]cacheEntry `json:"chunks"`
}

type cacheEntry struct {
	Context string `json:"context"`
	Chunk
}

func openCache(dir string, opts Options) *cache {
	of := fmt.Sprintf("%d %d %q %t %t", canon.Version, cacheVersion, opts.Project, opts.IncludePersonal, opts.FillBlanks)
	sum := sha256.Sum256([]byte(of))
	c := &cache{path: filepath.Join(dir, hex.EncodeToString(sum[:8])+".json")}
	if info, err := os.Stat(c.path); err == nil && info.Size() <= maxCacheBytes {
		if text, err := os.ReadFile(c.path); err == nil && json.Unmarshal(text, &c.cacheFile) != nil {
			c.cacheFile = cacheFile{}
		}
	}
	if c.Facts == nil {
		c.Facts = map[engram.ChunkID]facts{}
	}
	if c.Chunks == nil {
		c.Chunks = map[engram.ChunkID]cacheEntry{}
	}
	return c
}

func (c *cache) chunk(id engram.ChunkID, context string) (Chunk, bool) {
	e, ok := c.Chunks[id]
	return e.Chunk, ok && e.Context == context
}

func (c *cache) save() {
	if !c.dirty {
		return
	}
	text, err := json.Marshal(c.cacheFile)
	if err == nil && os.MkdirAll(filepath.Dir(c.path), 0o700) == nil && atomicfile.Write(c.path, text, 0o600) == nil {
		c.dirty = false
	}
}
