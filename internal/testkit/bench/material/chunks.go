// Package material makes what a benchmark moves: chunk directories, journals and databases of any
// size, from the texts of corpus.Author. It also looks whether what arrived is what was sent.
package material

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
)

// Chunks are the chunks of a directory that was made here.
type Chunks struct {
	Dir  string // holds the manifest, as .engram does
	Size int    // of each, uncompressed, about
	sums map[string][sha256.Size]byte
	// Bytes is how many they have together, uncompressed; Memories how many memories.
	Bytes, Memories int64
	entries         []entry
}

// entry is one of a manifest, as engram 1.9.4 writes it.
type entry struct {
	ID        string `json:"id"`
	CreatedBy string `json:"created_by"`
	CreatedAt string `json:"created_at"`
	Sessions  int    `json:"sessions"`
	Memories  int    `json:"memories"`
	Prompts   int    `json:"prompts"`
}

// WriteChunks fills a new directory with n chunks of about so many bytes.
func WriteChunks(dir string, n, size int) (*Chunks, error) {
	if err := os.MkdirAll(filepath.Join(dir, "chunks"), 0o755); err != nil {
		return nil, fmt.Errorf("make a chunk directory: %w", err)
	}
	c := &Chunks{Dir: dir, Size: size, sums: make(map[string][sha256.Size]byte, n)}
	author := corpus.NewAuthor(uint64(size))
	packer := gzip.NewWriter(nil)
	for session := 0; len(c.entries) < n; session++ {
		rows := author.Chunk(fmt.Sprintf("s-%06d", session), size)
		text, err := engram.EncodeChunk(rows)
		if err != nil {
			return nil, fmt.Errorf("encode a chunk: %w", err)
		}
		sum := sha256.Sum256(text)
		id := fmt.Sprintf("%x", sum[:4])
		if _, taken := c.sums[id]; taken {
			continue // one of 32 bits: it happens among 100,000
		}
		if err := writePacked(packer, filepath.Join(dir, "chunks", id+".jsonl.gz"), text); err != nil {
			return nil, err
		}
		c.sums[id] = sum
		c.Bytes += int64(len(text))
		c.Memories += int64(len(rows.Observations))
		c.entries = append(c.entries, entryOf(id, len(c.entries), len(rows.Observations)))
	}
	return c, writeManifest(filepath.Join(dir, "manifest.json"), c.entries)
}

// entryOf is the manifest's entry of the i-th chunk; each is a second younger than the one before.
func entryOf(id string, i, memories int) entry {
	at := time.Date(2026, 10, 1, 9, 0, i, 0, time.UTC)
	return entry{ID: id, CreatedBy: "dev", CreatedAt: at.Format(time.RFC3339), Sessions: 1, Memories: memories}
}

func writePacked(packer *gzip.Writer, path string, text []byte) error {
	var packed bytes.Buffer
	packer.Reset(&packed)
	if _, err := packer.Write(text); err != nil {
		return fmt.Errorf("compress a chunk: %w", err)
	}
	if err := packer.Close(); err != nil {
		return fmt.Errorf("compress a chunk: %w", err)
	}
	if err := os.WriteFile(path, packed.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write a chunk: %w", err)
	}
	return nil
}

func writeManifest(path string, entries []entry) error {
	text, err := json.MarshalIndent(map[string]any{"version": 1, "chunks": entries}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode a manifest: %w", err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write a manifest: %w", err)
	}
	return nil
}

// Len is how many they are.
func (c *Chunks) Len() int { return len(c.entries) }

// IDs are their ids, in the order of the manifest.
func (c *Chunks) IDs() []string {
	ids := make([]string, len(c.entries))
	for i, e := range c.entries {
		ids[i] = e.ID
	}
	return ids
}
