package verify

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// A file has no stamp when it is young, or from the future, and another one once somebody has
// written it, also with an old time and in its size.
func TestStamps(t *testing.T) {
	dir, err := chunkdir.Open(t.TempDir(), chunkdir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(`{"sessions":null,"observations":null,"prompts":null}`)
	id := engram.IDOf(sha256.Sum256(text))
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write(text); err != nil || zip.Close() != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir.Path(), "chunks", id.String()+".jsonl.gz")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	written := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	write := func() {
		t.Helper()
		if err := os.WriteFile(path, zipped.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, written, written); err != nil {
			t.Fatal(err)
		}
	}
	write()
	m := memory{dir: workspace.Directory{Dir: dir}, began: time.Now().Add(time.Hour)}
	old := m.Stamp(id)
	if old == "" || m.Stamp(id) != old {
		t.Fatalf("the stamp is %q, and then %q", old, m.Stamp(id))
	}
	if err := os.Chtimes(path, written, time.Now().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := m.Stamp(id); got != "" {
		t.Errorf("a file from the future has the stamp %q", got)
	}
	write()
	i, err := dir.Identify(id)
	if err != nil {
		t.Fatal(err)
	}
	m.began = i.Changed.Add(fresh)
	if got := m.Stamp(id); got != "" {
		t.Errorf("a young file has the stamp %q", got)
	}
	m.began = m.began.Add(time.Nanosecond)
	if got := m.Stamp(id); got == "" || runtime.GOOS != "windows" && got == old {
		t.Errorf("a file that was written anew has the stamp %q, before it was %q", got, old)
	}
	zipped.WriteByte(0)
	write()
	if got := m.Stamp(id); got == old {
		t.Errorf("a longer file has the same stamp")
	}
	if err := os.Remove(path); err != nil || m.Stamp(id) != "" {
		t.Errorf("no file has a stamp, error %v", err)
	}
}
