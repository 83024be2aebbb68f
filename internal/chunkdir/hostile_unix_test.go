//go:build !windows

package chunkdir_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// A repository can hold anything under the name of a chunk. None of it is
// read, waited for, or followed; a good chunk may take its place.
func TestOnlyFilesAreChunks(t *testing.T) {
	text := chunkText("a memory")
	id := idOf(text)
	private := filepath.Join(t.TempDir(), "private")
	put(t, private, string(gzipped(t, text)))
	for name, plant := range map[string]func(path string) error{
		"link":          func(path string) error { return os.Symlink(private, path) },
		"dangling link": func(path string) error { return os.Symlink(private+"-not", path) },
		"pipe":          func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"directory":     func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			d := emptyDir(t)
			if err := os.Mkdir(filepath.Join(d.Path(), "chunks"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := plant(chunkFile(d, id)); err != nil {
				t.Fatal(err)
			}
			checkNoChunk(t, d, id)
			entry := entryOf(text, "2026-11-22T08:42:10Z")
			if err := d.AddEntries(t.Context(), 1, []engram.ChunkEntry{entry}); err == nil {
				t.Error("AddEntries accepts it")
			}
			if name == "directory" {
				return // which a file cannot replace
			}
			writeText(t, d, text)
			if _, err := readChunk(d, id); err != nil {
				t.Error(err)
			}
			if got := read(t, private); got != string(gzipped(t, text)) {
				t.Error("the file behind the link was written")
			}
		})
	}
}

func checkNoChunk(t *testing.T, d *chunkdir.Dir, id engram.ChunkID) {
	t.Helper()
	if _, err := d.OpenChunk(id); !errors.Is(err, chunkdir.ErrNotRegular) {
		t.Errorf("OpenChunk gives %v", err)
	}
	if there, err := d.HasChunk(id); there || err != nil {
		t.Errorf("HasChunk gives %v, %v", there, err)
	}
	listing, err := d.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := chunkdir.Listing{Strays: []engram.Stray{{Name: id.String() + ".jsonl.gz", Reason: "not a regular file"}}}
	if diff := cmp.Diff(want, listing, cmp.AllowUnexported(engram.ChunkID{})); diff != "" {
		t.Errorf("Files (-want +got):\n%s", diff)
	}
}

// A link in the place of manifest.json or chunks leads out of the directory.
func TestLinksOutOfTheDirectoryAreRefused(t *testing.T) {
	outside, d := emptyDir(t), emptyDir(t)
	text := chunkText("a memory")
	id := writeText(t, outside, text)
	put(t, filepath.Join(outside.Path(), "manifest.json"), string(engram.NewManifest().Bytes()))
	for _, name := range []string{"manifest.json", "chunks"} {
		if err := os.Symlink(filepath.Join(outside.Path(), name), filepath.Join(d.Path(), name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.ReadManifest(t.Context()); !errors.Is(err, chunkdir.ErrNotRegular) {
		t.Errorf("ReadManifest gives %v", err)
	}
	if err := d.AddEntries(t.Context(), 2, nil); !errors.Is(err, chunkdir.ErrNotRegular) {
		t.Errorf("AddEntries gives %v", err)
	}
	if _, err := d.OpenChunk(id); err == nil {
		t.Error("OpenChunk follows the link")
	}
	if _, err := d.Files(t.Context()); err == nil {
		t.Error("Files follows the link")
	}
	if err := d.WriteChunk(t.Context(), chunkOf(chunkText("another"))); err == nil {
		t.Error("WriteChunk follows the link")
	}
}

// The directory itself may be a link: its owner made it.
func TestTheDirectoryMayBeALink(t *testing.T) {
	link := filepath.Join(t.TempDir(), ".engram")
	if err := os.Symlink(emptyDir(t).Path(), link); err != nil {
		t.Fatal(err)
	}
	d := open(t, link)
	id := writeText(t, d, chunkText("a memory"))
	if _, err := readChunk(d, id); err != nil {
		t.Error(err)
	}
}
