package chunkdir_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// fixtureChunk is the file of one chunk that engram wrote, and its id.
func fixtureChunk(t testing.TB) (engram.ChunkID, []byte) {
	t.Helper()
	id, err := engram.ParseChunkID("7f822b00")
	if err != nil {
		t.Fatal(err)
	}
	return id, []byte(read(t, chunkFile(open(t, fixtures.ChunkDirs()[0]), id)))
}

func TestChunkFileCutAnywhereIsDamaged(t *testing.T) {
	d := emptyDir(t)
	id, file := fixtureChunk(t)
	for length := range file {
		plant(t, d, id, file[:length])
		if _, err := readChunk(d, id); !errors.Is(err, engram.ErrDamaged) {
			t.Errorf("cut after %d of %d bytes: error %v, want damage", length, len(file), err)
		}
	}
}

// A flipped bit is damage, or it was one that means nothing, such as the time
// in the gzip header.
func TestFlippedBytesNeverChangeContent(t *testing.T) {
	d := emptyDir(t)
	id, file := fixtureChunk(t)
	plant(t, d, id, file)
	want, err := readChunk(d, id)
	if err != nil {
		t.Fatal(err)
	}
	damaged := 0
	// In each byte one bit, another from byte to byte.
	for at := range file {
		flipped := bytes.Clone(file)
		flipped[at] ^= 1 << (at % 8)
		plant(t, d, id, flipped)
		switch got, err := readChunk(d, id); {
		case errors.Is(err, engram.ErrDamaged):
			damaged++
		case err != nil:
			t.Errorf("byte %d: error %v is not damage", at, err)
		case !bytes.Equal(got, want):
			t.Errorf("byte %d: verified, but other content", at)
		}
	}
	const headerBytes = 10
	if damaged < len(file)-headerBytes {
		t.Errorf("%d of %d flipped bytes were found", damaged, len(file))
	}
}

func TestDamagedChunkFiles(t *testing.T) {
	text := chunkText("a memory")
	id, good := idOf(text), gzipped(t, text)
	other := chunkText("another memory")
	for _, test := range []struct {
		name   string
		file   []byte
		reason string
	}{
		{"empty", nil, "its file is empty"},
		{"not gzip", text, "its file is not gzip"},
		{"one byte behind", append(bytes.Clone(good), 0), "something follows its gzip data"},
		{"a second member behind", append(bytes.Clone(good), gzipped(t, nil)...), "something follows its gzip data"},
		{"other content", gzipped(t, other), "its bytes hash to " + idOf(other).String()},
		{"two objects", gzipped(t, append(bytes.Clone(text), text...)), "something follows its JSON object"},
		{"no JSON", gzipped(t, []byte("hello")), "its content"},
		{"nothing in it", gzipped(t, nil), "its content"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := emptyDir(t)
			plant(t, d, id, test.file)
			_, err := readChunk(d, id)
			if !errors.Is(err, engram.ErrDamaged) {
				t.Fatalf("error %v, want damage", err)
			}
			if !strings.Contains(err.Error(), test.reason) {
				t.Errorf("error %v, want damage: %s", err, test.reason)
			}
			if !strings.Contains(err.Error(), id.String()) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q does not name the chunk on one line", err)
			}
		})
	}
}

// A small file that holds much is not unpacked beyond the limit.
func TestGzipBombIsBounded(t *testing.T) {
	const limit = 1 << 20
	text := []byte(`{"x":"` + strings.Repeat("a", 8*limit) + `"}`)
	path := filepath.Join(t.TempDir(), ".engram")
	d, err := chunkdir.Create(path, chunkdir.Options{MaxChunkBytes: limit})
	if err != nil {
		t.Fatal(err)
	}
	plant(t, d, idOf(text), gzipped(t, text))
	got, err := readChunk(d, idOf(text))
	if !errors.Is(err, engram.ErrDamaged) || len(got) > limit {
		t.Errorf("read %d bytes with error %v, want damage within %d bytes", len(got), err, limit)
	}
}

func TestMissingChunk(t *testing.T) {
	d := emptyDir(t)
	id := idOf(chunkText("never written"))
	for _, name := range []string{"no chunks directory", "an empty one"} {
		if _, err := d.OpenChunk(id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: OpenChunk gives %v, want not exist", name, err)
		}
		if there, err := d.HasChunk(id); there || err != nil {
			t.Errorf("%s: HasChunk gives %v, %v", name, there, err)
		}
		if err := os.MkdirAll(filepath.Join(d.Path(), "chunks"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// Any content would fit an id that is none.
func TestZeroIDOpensNothing(t *testing.T) {
	d := emptyDir(t)
	plant(t, d, engram.ChunkID{}, gzipped(t, chunkText("nameless")))
	if _, err := d.OpenChunk(engram.ChunkID{}); !errors.Is(err, engram.ErrBadChunkID) {
		t.Errorf("OpenChunk gives %v", err)
	}
	if there, err := d.HasChunk(engram.ChunkID{}); there || err != nil {
		t.Errorf("HasChunk gives %v, %v", there, err)
	}
}
