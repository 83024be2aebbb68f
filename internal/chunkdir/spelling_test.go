package chunkdir_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// misspell puts the file of a chunk there under its name in capitals.
func misspell(t *testing.T, d *chunkdir.Dir, text []byte) (id engram.ChunkID, path string) {
	t.Helper()
	if id = idOf(text); strings.ToUpper(id.String()) == id.String() {
		t.Fatalf("the id %s has no letters", id)
	}
	path = filepath.Join(d.Path(), "chunks", strings.ToUpper(id.String())+".jsonl.gz")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, path, string(gzipped(t, text)))
	return id, path
}

// tellsCase says whether the volume of the directory does. path is that of a misspelt file.
func tellsCase(d *chunkdir.Dir, id engram.ChunkID) bool {
	_, err := os.Lstat(chunkFile(d, id))
	return errors.Is(err, fs.ErrNotExist)
}

// A volume that does not tell case gives the file under the chunk's name too. Where ours tells
// it, a second name for the file that came after the listing plays that.
func TestAMisspeltFileIsNotTakenForTheChunk(t *testing.T) {
	d := emptyDir(t)
	text := chunkText("a")
	id, path := misspell(t, d, text)
	listing, err := d.Files(t.Context())
	if err != nil || len(listing.Chunks) != 0 || len(listing.Strays) != 1 {
		t.Fatalf("listed: %+v, %v; want one stray", listing, err)
	}
	if s := listing.Strays[0]; s.Name != filepath.Base(path) || !strings.Contains(s.Reason, "rename it to "+id.String()+".jsonl.gz") {
		t.Errorf("the stray is %+v", s)
	}
	played := tellsCase(d, id)
	if played {
		if err := os.Link(path, chunkFile(d, id)); err != nil {
			t.Fatal(err)
		}
	}

	if has, err := d.HasChunk(id); has || err != nil {
		t.Errorf("HasChunk: %t, %v; want no chunk", has, err)
	}
	_, openErr := d.OpenChunk(id)
	_, _, stampErr := d.Stamp(id)
	for call, err := range map[string]error{
		"OpenChunk": openErr, "Stamp": stampErr, "RemoveChunk": d.RemoveChunk(id), "WriteChunk": d.WriteChunk(t.Context(), chunkOf(text)),
	} {
		if e, ok := errors.AsType[*chunkdir.SpellingError](err); !ok || !errors.Is(err, fs.ErrNotExist) || e.Path != path || e.ID != id {
			t.Errorf("%s: %v; want an error that names %s", call, err, path)
		}
	}
	if read(t, path) != string(gzipped(t, text)) {
		t.Error("the file was changed")
	}

	// What the message says helps.
	if played {
		if err := os.Remove(chunkFile(d, id)); err != nil {
			t.Fatal(err)
		}
	}
	// By way of a third name, as Wine leaves a file alone whose new name opens it already.
	if err := errors.Join(os.Rename(path, path+".away"), os.Rename(path+".away", chunkFile(d, id))); err != nil {
		t.Fatal(err)
	}
	if got, err := readChunk(open(t, d.Path()), id); err != nil || string(got) != string(text) {
		t.Errorf("after the renaming: %q, %v", got, err)
	}
}

// Before the first listing a look-up makes one.
func TestAMisspeltFileIsSeenWithoutAListing(t *testing.T) {
	d := emptyDir(t)
	id, path := misspell(t, d, chunkText("a"))
	if has, err := d.HasChunk(id); has || err != nil {
		t.Errorf("HasChunk: %t, %v; want no chunk", has, err)
	}
	if tellsCase(d, id) {
		return
	}
	if _, err := d.OpenChunk(id); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("OpenChunk: %v; want an error that names %s", err, path)
	}
}

// Where the volume tells case the chunk has room beside the stray.
func TestAMisspeltFileIsInNobodysWayWhereCaseCounts(t *testing.T) {
	d := emptyDir(t)
	text := chunkText("a")
	id, path := misspell(t, d, text)
	if !tellsCase(d, id) {
		t.Skip("this volume does not tell case")
	}
	put(t, path, "something else")
	if _, err := d.OpenChunk(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenChunk: %v; want no file", err)
	}
	writeText(t, d, text)
	if got, err := readChunk(d, id); err != nil || string(got) != string(text) {
		t.Errorf("read %q, %v", got, err)
	}
	if listing, err := d.Files(t.Context()); err != nil || len(listing.Chunks) != 1 || strings.Contains(listing.Strays[0].Reason, "rename") {
		t.Errorf("listed: %+v, %v; want the chunk, and a stray that stays", listing, err)
	}
	if read(t, path) != "something else" {
		t.Error("the stray was changed")
	}
}
