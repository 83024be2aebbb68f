package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

// A caller that overlooks a failed Write, as bufio and io.Copy chains can,
// must not publish a file with a hole in it. In-package: a full disk is played
// by a temporary file that refuses writes.
func TestCommitRemembersAFailedWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chunk")
	f, err := Create(path, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	writable := f.temp
	if f.temp, err = os.Open(writable.Name()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("lost")); err == nil {
		t.Fatal("Write succeeded on a read-only file")
	}
	if err := f.temp.Close(); err != nil {
		t.Fatal(err)
	}
	f.temp = writable // space is free again

	if err := f.Commit(); err == nil {
		t.Error("Commit published a file that lacks a part")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 0 {
		t.Errorf("left in the directory: %v, %v; want nothing", entries, err)
	}
}
