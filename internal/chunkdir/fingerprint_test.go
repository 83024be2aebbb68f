package chunkdir_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
)

// The fingerprint changes with the manifest and with which files there are.
func TestFingerprint(t *testing.T) {
	path := t.TempDir()
	d, err := chunkdir.Open(path, chunkdir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	look := func(story string) {
		t.Helper()
		for range 2 {
			now, err := d.Fingerprint()
			if err != nil {
				t.Fatal(err)
			}
			if before, ok := seen[now]; ok && before != story {
				t.Errorf("%s looks like %s", story, before)
			}
			seen[now] = story
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	look("nothing")
	if err := os.Mkdir(filepath.Join(path, "chunks"), 0o755); err != nil {
		t.Fatal(err)
	}
	write("manifest.json", "{}")
	look("a manifest")
	write("manifest.json", "{ }")
	look("another manifest")
	write("chunks/00000001.jsonl.gz", "x")
	look("a file")
	write("chunks/00000002.jsonl.gz", "x")
	look("two files")
	if err := os.Remove(filepath.Join(path, "chunks/00000001.jsonl.gz")); err != nil {
		t.Fatal(err)
	}
	look("the other file")
	if len(seen) != 6 {
		t.Errorf("%d fingerprints", len(seen))
	}
}
