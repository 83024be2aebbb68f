package chunkdir_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// What engram wrote is read, verified, and written elsewhere: the content of
// each chunk and the whole manifest are the same bytes.
func TestFixturesTravel(t *testing.T) {
	for _, path := range fixtures.ChunkDirs() {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			from, to := open(t, path), emptyDir(t)
			manifest, err := from.ReadManifest(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(manifest.Entries()) != 3 {
				t.Fatalf("%d entries, want 3", len(manifest.Entries()))
			}
			for _, entry := range manifest.Entries() {
				copyChunk(t, from, to, entry.ID)
			}
			if err := to.AddEntries(t.Context(), manifest.Version(), manifest.Entries()); err != nil {
				t.Fatal(err)
			}
			want := read(t, filepath.Join(path, "manifest.json"))
			if diff := cmp.Diff(want, read(t, filepath.Join(to.Path(), "manifest.json"))); diff != "" {
				t.Errorf("manifest differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(names(t, from), names(t, to)); diff != "" {
				t.Errorf("files differ (-want +got):\n%s", diff)
			}
		})
	}
}

func copyChunk(t *testing.T, from, to *chunkdir.Dir, id engram.ChunkID) {
	t.Helper()
	c, err := from.OpenChunk(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.WriteChunk(t.Context(), c); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	want, err := readChunk(from, id)
	if err != nil {
		t.Error(err)
	}
	got, err := readChunk(to, id)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("content of %s differs (-want +got):\n%s", id, diff)
	}
	// The gzip header is engram's: no flags, no time, no name, unknown system.
	const headerBytes = 10
	wantHeader, gotHeader := read(t, chunkFile(from, id))[:headerBytes], read(t, chunkFile(to, id))[:headerBytes]
	if wantHeader != gotHeader {
		t.Errorf("gzip header % x, want % x", gotHeader, wantHeader)
	}
}

// All that verify looks at can be had from here: counts, sessions, orphans,
// missing files, strays.
func TestFixturesHoldWhatTheyClaim(t *testing.T) {
	for _, path := range fixtures.ChunkDirs() {
		d := open(t, path)
		manifest, err := d.ReadManifest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		listing, err := d.Files(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(listing.Strays) != 0 || len(listing.Chunks) != len(manifest.Entries()) {
			t.Errorf("%s: listing %v for %d entries", path, listing, len(manifest.Entries()))
		}
		for _, id := range listing.Chunks {
			entry, ok := manifest.Entry(id)
			if !ok {
				t.Errorf("%s: %s is an orphan", path, id)
			}
			checkContents(t, d, entry)
		}
	}
}

func checkContents(t *testing.T, d *chunkdir.Dir, entry engram.ChunkEntry) {
	t.Helper()
	c, err := d.OpenChunk(entry.ID)
	if err != nil {
		t.Fatal(err)
	}
	contents, err := engram.ReadContents(c)
	if err != nil {
		t.Error(err)
	}
	if !c.Verified() {
		t.Errorf("%s was read by ReadContents, but is not verified", entry.ID)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	got := [3]int{contents.Sessions, contents.Memories, contents.Prompts}
	if want := [3]int{entry.Sessions, entry.Memories, entry.Prompts}; got != want {
		t.Errorf("%s holds %v, its entry says %v", entry.ID, got, want)
	}
	if c.SizeHint != c.Size() {
		t.Errorf("%s: its file claims %d bytes, it holds %d", entry.ID, c.SizeHint, c.Size())
	}
}
