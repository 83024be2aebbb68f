package memoryindex_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

// What was taken out of a chunk lies nowhere in the file afterwards: not in pages that are free, and in no list of words.
func TestWhatIsGoneIsOverwritten(t *testing.T) {
	p, dir := &place{}, t.TempDir()
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", "Kept", "what stays", "2026-10-02 10:00:00"))
	p.add(t, "2026-10-03T00:00:00Z", memory("o2", "Leak", strings.Repeat("hunter2secret and more ", 2000), "2026-10-02 10:00:00"))
	x := open(t, dir)
	update(t, x, p)
	want(t, search(t, x, "hunter2secret"), "Leak")
	p.chunks = p.chunks[:1]
	update(t, x, p)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte("hunter2secret")) {
			t.Errorf("%s has it still, %v", filepath.Base(file), err)
		}
	}
	memoryindex.Forget(dir, "place")
	if files, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) > 0 {
		t.Error(files, err)
	}
}
