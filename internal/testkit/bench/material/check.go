package material

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// CheckDir fails unless the directory holds exactly these chunks: in the manifest, and each as a file
// with the same bytes.
func (c *Chunks) CheckDir(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return fmt.Errorf("check what was pulled: %w", err)
	}
	if err := c.CheckManifest(text); err != nil {
		return err
	}
	for id := range c.sums {
		if err := c.checkFile(id, filepath.Join(dir, "chunks", id+".jsonl.gz")); err != nil {
			return err
		}
	}
	return nil
}

func (c *Chunks) checkFile(id, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check what was pulled: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	unpacked, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return fmt.Errorf("check chunk %s: %w", id, err)
	}
	return c.CheckContent(id, unpacked)
}

// CheckExport fails unless the manifest of a directory counts so many memories.
func CheckExport(dir string, memories int) error {
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return fmt.Errorf("check an export: %w", err)
	}
	return CheckMemories(text, int64(memories))
}

// CheckMemories fails unless the chunks of a manifest have so many memories.
func CheckMemories(manifest []byte, memories int64) error {
	var m struct{ Chunks []entry }
	if err := json.Unmarshal(manifest, &m); err != nil {
		return fmt.Errorf("check a manifest: %w", err)
	}
	var n int64
	for _, e := range m.Chunks {
		n += int64(e.Memories)
	}
	if n != memories {
		return fmt.Errorf("check a manifest: its chunks have %d memories instead of %d", n, memories)
	}
	return nil
}

// Unpack writes what all chunk files of a directory hold into one file.
func Unpack(dir, to string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "chunks", "*.jsonl.gz"))
	if err != nil {
		return fmt.Errorf("unpack chunks: %w", err)
	}
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("unpack chunks: %w", err)
	}
	for _, path := range paths {
		if err := unpack(out, path); err != nil {
			return errors.Join(err, out.Close())
		}
	}
	return out.Close()
}

func unpack(out io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("unpack a chunk: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", path, err)
	}
	if _, err := io.Copy(out, unpacked); err != nil {
		return fmt.Errorf("unpack %s: %w", path, err)
	}
	return nil
}

// CheckManifest fails unless a manifest names each of these chunks once, and no other.
func (c *Chunks) CheckManifest(text []byte) error {
	var m struct{ Chunks []entry }
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("check the manifest: %w", err)
	}
	named := map[string]bool{}
	for _, e := range m.Chunks {
		if _, ok := c.sums[e.ID]; !ok || named[e.ID] {
			return fmt.Errorf("check the manifest: it names %s, which is another chunk or named twice", e.ID)
		}
		named[e.ID] = true
	}
	if len(named) != len(c.sums) {
		return fmt.Errorf("check the manifest: it names %d chunks instead of %d", len(named), len(c.sums))
	}
	return nil
}

// CheckContent fails unless what r gives is the content of the chunk.
func (c *Chunks) CheckContent(id string, r io.Reader) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return fmt.Errorf("check chunk %s: %w", id, err)
	}
	if [sha256.Size]byte(sum.Sum(nil)) != c.sums[id] {
		return fmt.Errorf("check chunk %s: it is not what was sent", id)
	}
	return nil
}
