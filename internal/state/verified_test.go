package state_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
)

// What was kept of a directory is there in the next run, and of no other rule or
// directory; a file that somebody has hurt is as good as none.
func TestVerifiedRemembers(t *testing.T) {
	dir := t.TempDir()
	root := state.In(dir)
	id := engram.IDOf([32]byte{1})
	chunks := map[engram.ChunkID]state.VerifiedChunk{id: {Stamp: "1@2", Facts: []byte("facts")}, engram.IDOf([32]byte{2}): {Stamp: "3"}}
	first := state.OpenVerified(root, "/repo/.engram", "1")
	if err := first.Replace(chunks); err != nil {
		t.Fatal(err)
	}
	again := state.OpenVerified(root, "/repo/.engram", "1")
	if c, ok := again.Chunk(id); !ok || c.Stamp != "1@2" || !bytes.Equal(c.Facts, []byte("facts")) || again.Key() != first.Key() {
		t.Errorf("it remembers %v, %v", c, ok)
	}
	for what, other := range map[string]*state.Verified{"rule": state.OpenVerified(root, "/repo/.engram", "2"), "directory": state.OpenVerified(root, "/other/.engram", "1")} {
		if _, ok := other.Chunk(id); ok || other.Key() == first.Key() {
			t.Errorf("another %s has it too", what)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "verified", "*"))
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(text); cut += 9 {
		if err := os.WriteFile(files[0], text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := state.OpenVerified(root, "/repo/.engram", "1").Chunk(id); ok {
			t.Errorf("the first %d of %d bytes are taken for whole", cut, len(text))
		}
	}
}

// Nothing new, nothing written; whoever only looks makes no file.
func TestVerifiedWritesOnlyNews(t *testing.T) {
	dir := t.TempDir()
	chunks := map[engram.ChunkID]state.VerifiedChunk{engram.IDOf([32]byte{1}): {Stamp: "1", Facts: []byte("x")}}
	if err := state.OpenVerified(state.In(dir).OnlyLook(), "d", "1").Replace(chunks); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("looking made %v", files)
	}
	if err := state.OpenVerified(state.In(dir), "d", "1").Replace(chunks); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "verified", "*"))
	before, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := state.OpenVerified(state.In(dir), "d", "1").Replace(chunks); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(files[0]); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written anew, %v", err)
	}
}
