package chunkdir_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
)

func TestWrittenChunkIsReadBack(t *testing.T) {
	d := emptyDir(t)
	text := chunkText("a memory")
	id := writeText(t, d, text)
	got, err := readChunk(d, id)
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("read %q, %v", got, err)
	}
	if diff := cmp.Diff([]string{"chunks/" + id.String() + ".jsonl.gz"}, names(t, d)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// Content that is not checked yet names itself once it is.
func TestAddressedChunkGetsTheNameOfItsContent(t *testing.T) {
	d := emptyDir(t)
	text := chunkText("new")
	c := engram.AddressChunk(io.NopCloser(bytes.NewReader(text)), engram.DefaultMaxChunkBytes)
	if err := d.WriteChunk(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := readChunk(d, idOf(text)); err != nil {
		t.Error(err)
	}
}

// failAfter is a source that ends with an error.
type failAfter struct {
	io.Reader
	err error
}

func (f failAfter) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err == io.EOF {
		err = f.err
	}
	return n, err
}

// Whatever goes wrong on the way, no file gets the name of a chunk, and none is left.
func TestFailedWriteLeavesNothing(t *testing.T) {
	errLost := errors.New("connection lost")
	text := chunkText("a memory")
	half := bytes.NewReader(text[:len(text)/2])
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errLost)
	readBefore := chunkOf(text)
	if _, err := io.Copy(io.Discard, readBefore); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		ctx   context.Context
		chunk *engram.Chunk
		want  error // nil: any
	}{
		{"source fails", t.Context(), engram.NewChunk(idOf(text), io.NopCloser(failAfter{half, errLost}), 1<<20), errLost},
		{"other bytes", t.Context(), engram.NewChunk(idOf(text), io.NopCloser(bytes.NewReader(chunkText("other"))), 1<<20), engram.ErrDamaged},
		{"cut", t.Context(), engram.NewChunk(idOf(text), io.NopCloser(bytes.NewReader(text[:9])), 1<<20), engram.ErrDamaged},
		{"too large", t.Context(), engram.NewChunk(idOf(text), io.NopCloser(bytes.NewReader(text)), 10), engram.ErrDamaged},
		{"interrupted", ended, chunkOf(text), errLost},
		{"read before", t.Context(), readBefore, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := emptyDir(t)
			err := d.WriteChunk(test.ctx, test.chunk)
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if left := names(t, d); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// The same content compresses differently in other releases of Go: a good file
// stays as it is, down to the byte.
func TestGoodFileIsNotRewritten(t *testing.T) {
	d := emptyDir(t)
	text := chunkText("a memory")
	var stored bytes.Buffer
	w, err := gzip.NewWriterLevel(&stored, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plant(t, d, idOf(text), stored.Bytes())
	before, err := os.Stat(chunkFile(d, idOf(text)))
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, d, text)
	after, err := os.Stat(chunkFile(d, idOf(text)))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || read(t, chunkFile(d, idOf(text))) != stored.String() {
		t.Error("the file was replaced")
	}
	if got := names(t, d); len(got) != 1 {
		t.Errorf("files: %v", got)
	}
}

func TestDamagedFileIsReplaced(t *testing.T) {
	text := chunkText("a memory")
	good := gzipped(t, text)
	for name, damaged := range map[string][]byte{
		"empty":      nil,
		"cut":        good[:len(good)-1],
		"other":      gzipped(t, chunkText("other")),
		"with extra": append(bytes.Clone(good), 'x'),
	} {
		t.Run(name, func(t *testing.T) {
			d := emptyDir(t)
			plant(t, d, idOf(text), damaged)
			writeText(t, d, text)
			if _, err := readChunk(d, idOf(text)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Ids have 32 bits. Of two contents with one id the first stays, and the second
// is told.
func TestCollisionKeepsTheFirst(t *testing.T) {
	first, second := collidingTexts(t)
	d := emptyDir(t)
	id := writeText(t, d, first)
	if err := d.WriteChunk(t.Context(), chunkOf(second)); !errors.Is(err, chunkdir.ErrCollision) {
		t.Errorf("error %v, want a collision", err)
	}
	if got, err := readChunk(d, id); err != nil || !bytes.Equal(got, first) {
		t.Errorf("read %q, %v", got, err)
	}
}

// collidingTexts looks for two chunks with one id; about 80,000 tries find them.
func collidingTexts(t *testing.T) (first, second []byte) {
	t.Helper()
	seen := map[[4]byte]int{}
	text := func(n int) []byte { return fmt.Appendf(nil, `{"n":%d}`, n) }
	for n := range 1_000_000 {
		sum := sha256.Sum256(text(n))
		id := [4]byte(sum[:4])
		if before, ok := seen[id]; ok {
			return text(before), text(n)
		}
		seen[id] = n
	}
	t.Fatal("no collision found")
	return nil, nil
}

func TestConcurrentWritesOfChunks(t *testing.T) {
	d := emptyDir(t)
	var group sync.WaitGroup
	for n := range 16 {
		group.Go(func() {
			// Each chunk twice, so that writers of the same one meet.
			if err := d.WriteChunk(t.Context(), chunkOf(chunkText(fmt.Sprint(n/2)))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	listing, err := d.Files(t.Context())
	if err != nil || len(listing.Chunks) != 8 || len(listing.Strays) != 0 {
		t.Errorf("listing %v, %v", listing, err)
	}
	for _, id := range listing.Chunks {
		if _, err := readChunk(d, id); err != nil {
			t.Error(err)
		}
	}
}

func TestFilesTellsChunksFromStrays(t *testing.T) {
	d := emptyDir(t)
	text := chunkText("a memory")
	writeText(t, d, text)
	for _, name := range []string{"notes.txt", "ABCDEF01.jsonl.gz", "../evil.jsonl.gz", ".engram-sync-X.tmp", "12345678.jsonl"} {
		put(t, filepath.Join(d.Path(), "chunks", filepath.Base(name)), "")
	}
	if err := os.Mkdir(filepath.Join(d.Path(), "chunks", "old"), 0o755); err != nil {
		t.Fatal(err)
	}
	listing, err := d.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := chunkdir.Listing{
		Chunks: []engram.ChunkID{idOf(text)},
		Strays: []engram.Stray{
			{Name: ".engram-sync-X.tmp", Reason: "left by an interrupted run, or being written"},
			{Name: "12345678.jsonl", Reason: "not a chunk file"},
			{Name: "ABCDEF01.jsonl.gz", Reason: "the name of a chunk is in small letters: rename it to abcdef01.jsonl.gz"},
			{Name: "evil.jsonl.gz", Reason: "its name is not a chunk id"},
			{Name: "notes.txt", Reason: "not a chunk file"},
			{Name: "old", Reason: "a directory"},
		},
	}
	if diff := cmp.Diff(want, listing, cmp.AllowUnexported(engram.ChunkID{})); diff != "" {
		t.Errorf("Files (-want +got):\n%s", diff)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Files(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Files with an ended context gives %v", err)
	}
}
