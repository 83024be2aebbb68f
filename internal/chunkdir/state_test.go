package chunkdir_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
)

// The state changes with whatever comes, goes or takes the place of something, in a directory that was at rest as in one
// that was not. In one at rest a file that is changed in place is not looked at.
func TestState(t *testing.T) {
	atRest := time.Now().Add(-time.Hour)
	for _, rest := range []bool{true, false} {
		d := emptyDir(t)
		chunks, manifest := filepath.Join(d.Path(), "chunks"), filepath.Join(d.Path(), "manifest.json")
		put(t, manifest, oneEntry)
		writeText(t, d, chunkText("one"))
		writeText(t, d, chunkText("two"))
		file := chunkFile(d, idOf(chunkText("one")))
		settle := func() {
			if !rest {
				return
			}
			for _, path := range []string{manifest, chunks} {
				if err := os.Chtimes(path, atRest, atRest); err != nil {
					t.Fatal(err)
				}
			}
			atRest = atRest.Add(time.Minute)
		}
		settle()
		before := state(t, d)
		if again := state(t, d); again != before {
			t.Errorf("at rest %t: %s, and then %s", rest, before, again)
		}
		for _, change := range []struct {
			name string
			make func() error
			seen bool
		}{
			{"in place", func() error { return os.WriteFile(file, []byte("edited here"), 0o644) }, !rest || runtime.GOOS == "windows"},
			{"another in its place", func() error {
				put(t, file+".new", "edited elsewhere")
				return os.Rename(file+".new", file)
			}, true},
			{"one more", func() error { writeText(t, d, chunkText("three")); return nil }, true},
			{"one more, as old as before", func() error {
				info, err := os.Stat(chunks)
				if err != nil {
					return err
				}
				writeText(t, d, chunkText("four"))
				return os.Chtimes(chunks, info.ModTime(), info.ModTime())
			}, true},
			{"one less", func() error { return os.Remove(file) }, true},
			{"the manifest", func() error { return os.WriteFile(manifest, []byte(oneEntry+"\n"), 0o644) }, true},
			{"none of them", func() error { return os.Rename(chunks, chunks+".away") }, true},
		} {
			if err := change.make(); err != nil {
				t.Fatal(err)
			}
			after := state(t, d)
			if (after != before) != change.seen {
				t.Errorf("at rest %t, %s: seen %t", rest, change.name, after != before)
			}
			if change.name != "none of them" {
				settle()
				before = state(t, d)
			}
		}
	}
}

func state(t *testing.T, d *chunkdir.Dir) string {
	t.Helper()
	text, err := d.State()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Who opens just one chunk lists none of the others, and finds a misspelt one all the same.
func TestOneChunkOpens(t *testing.T) {
	d := emptyDir(t)
	text := chunkText("a")
	id, path := misspell(t, d, text)
	if tellsCase(d, id) {
		if err := os.Link(path, chunkFile(d, id)); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil { // only its own name is left
			t.Fatal(err)
		}
		if has, err := d.HasChunk(id); !has || err != nil {
			t.Errorf("its own: %t, %v", has, err)
		}
		return
	}
	if has, err := d.HasChunk(id); has || err != nil {
		t.Errorf("misspelt: %t, %v", has, err)
	}
}
