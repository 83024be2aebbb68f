package chunkdir_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
)

func open(t testing.TB, path string) *chunkdir.Dir {
	t.Helper()
	d, err := chunkdir.Open(path, chunkdir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func emptyDir(t testing.TB) *chunkdir.Dir {
	t.Helper()
	d, err := chunkdir.Create(filepath.Join(t.TempDir(), ".engram"), chunkdir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// readChunk reads the chunk to its end.
func readChunk(d *chunkdir.Dir, id engram.ChunkID) ([]byte, error) {
	c, err := d.OpenChunk(id)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(c)
	if closeErr := c.Close(); err == nil {
		err = closeErr
	}
	if err == nil && !c.Verified() {
		err = fmt.Errorf("chunk %s: read to its end, but not verified", id)
	}
	return text, err
}

// chunkText is the content of a chunk with one memory.
func chunkText(memory string) []byte {
	return fmt.Appendf(nil, `{"sessions":null,"observations":[{"id":1,"session_id":"s","title":%q}],"prompts":null}`, memory)
}

func idOf(text []byte) engram.ChunkID { return engram.IDOf(sha256.Sum256(text)) }

func chunkOf(text []byte) *engram.Chunk {
	return engram.NewChunk(idOf(text), io.NopCloser(bytes.NewReader(text)), engram.DefaultMaxChunkBytes)
}

func writeText(t testing.TB, d *chunkdir.Dir, text []byte) engram.ChunkID {
	t.Helper()
	if err := d.WriteChunk(t.Context(), chunkOf(text)); err != nil {
		t.Fatal(err)
	}
	return idOf(text)
}

func entryOf(text []byte, createdAt string) engram.ChunkEntry {
	return engram.ChunkEntry{ID: idOf(text), CreatedBy: "alice", CreatedAt: createdAt, Sessions: 1, Memories: 2, Prompts: 3}
}

func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func chunkFile(d *chunkdir.Dir, id engram.ChunkID) string {
	return filepath.Join(d.Path(), "chunks", id.String()+".jsonl.gz")
}

// plant puts a file under a chunk's name, whatever its content.
func plant(t testing.TB, d *chunkdir.Dir, id engram.ChunkID, file []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(d.Path(), "chunks"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, chunkFile(d, id), string(file))
}

func put(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// names are the names in a directory, those in its chunks too.
func names(t testing.TB, d *chunkdir.Dir) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(d.Path(), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(d.Path())+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
