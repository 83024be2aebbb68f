package chunkdir_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// Whatever is in a chunk file: what is verified has the hash of its name and
// stays within the limit, and the rest is damage.
func FuzzOpenChunk(f *testing.F) {
	const limit = 1 << 16
	id, file := fixtureChunk(f)
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Add(append(bytes.Clone(file), file...))
	f.Add(gzipped(f, bytes.Repeat([]byte(" "), 2*limit)))
	f.Add([]byte{})
	d, err := chunkdir.Create(filepath.Join(f.TempDir(), ".engram"), chunkdir.Options{MaxChunkBytes: limit})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		plant(t, d, id, file)
		text, err := readChunk(d, id)
		switch {
		case len(text) > limit:
			t.Errorf("%d bytes were read", len(text))
		case err == nil && idOf(text) != id:
			t.Errorf("verified, but the hash is %s", idOf(text))
		case err != nil && !errors.Is(err, engram.ErrDamaged):
			t.Errorf("error %v is not damage", err)
		}
	})
}

// Whatever good manifest there is: adding to it gives a good one, with all
// entries that were there.
func FuzzAddEntries(f *testing.F) {
	for _, path := range fixtures.ChunkDirs() {
		f.Add([]byte(read(f, filepath.Join(path, "manifest.json"))))
	}
	f.Add([]byte(`{"chunks":null,"x":[1],"version":2}`))
	f.Add([]byte("{\r\n\"version\": 1,\r\n\"chunks\": [ ]\r\n}\r\n"))
	f.Add([]byte("{\n<<<<<<< HEAD\n"))
	d := emptyDir(f)
	text := chunkText("a memory")
	entry := entryOf(text, "2026-11-23T01:00:00Z")
	plant(f, d, entry.ID, gzipped(f, text))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		if _, err := engram.ParseManifest(manifest); err != nil {
			return // internal/engram fuzzes what is refused
		}
		synctest.Test(t, func(t *testing.T) { // or each addition would wait for engram
			addTo(t, d, manifest, entry)
		})
	})
}

func addTo(t *testing.T, d *chunkdir.Dir, manifest []byte, entry engram.ChunkEntry) {
	t.Helper()
	put(t, filepath.Join(d.Path(), "manifest.json"), string(manifest))
	before, err := d.ReadManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.AddEntries(t.Context(), 1, []engram.ChunkEntry{entry}); err != nil {
		t.Fatal(err)
	}
	after, err := d.ReadManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := before.Entries()
	if _, listed := before.Entry(entry.ID); !listed {
		want = append(want[:len(want):len(want)], entry)
	}
	if diff := cmp.Diff(want, after.Entries(), cmp.AllowUnexported(engram.ChunkEntry{}, engram.ChunkID{})); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}
