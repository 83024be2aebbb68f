package chunkdir

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Here are manifests as engram writes them one after the other.
const (
	noEntry   = `{"version":1,"chunks":[]}`
	firstOnly = `{"version":1,"chunks":[{"id":"11111111","created_at":"2026-11-22T08:00:00Z"}]}`
	andSecond = `{"version":1,"chunks":[{"id":"11111111","created_at":"2026-11-22T08:00:00Z"},` +
		`{"id":"22222222","created_at":"2026-11-22T09:00:00Z"}]}`
)

// overtaking is an AddEntries of the chunk 33333333, stopped after it has read
// the manifest, so that engram can overtake it.
type overtaking struct {
	t         *testing.T
	path      string
	adder     manifestAdder
	old       *os.File
	was, next *engram.Manifest
}

func overtake(t *testing.T, manifest string) *overtaking {
	t.Helper()
	d, err := Create(filepath.Join(t.TempDir(), ".engram"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := engram.ParseChunkID("33333333")
	if err != nil {
		t.Fatal(err)
	}
	o := &overtaking{t: t, path: d.manifestPath(), adder: manifestAdder{
		dir: d, version: 1, entries: []engram.ChunkEntry{{ID: id, CreatedAt: "2026-11-22T10:00:00Z"}},
	}}
	if err := os.Mkdir(filepath.Join(d.Path(), ChunksName), dirPerm); err != nil {
		t.Fatal(err)
	}
	o.write(d.chunkPath(id), "")
	if manifest != "" {
		o.write(o.path, manifest)
	}
	if o.old, err = d.holdManifest(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.old.Close() }) // nil where there is none
	if o.was, err = d.ReadManifest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o.next, err = o.adder.union(o.was); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *overtaking) write(path, text string) {
	o.t.Helper()
	if err := os.WriteFile(path, []byte(text), filePerm); err != nil {
		o.t.Fatal(err)
	}
}

// finish lets the adding go on to its end, after it was overtaken with err.
func (o *overtaking) finish(err error, want ...string) {
	o.t.Helper()
	if !errors.Is(err, errOvertaken) {
		o.t.Errorf("engram is not noticed: %v", err)
	}
	for errors.Is(err, errOvertaken) {
		err = o.adder.attempt(o.t.Context())
	}
	if err != nil {
		o.t.Fatal(err)
	}
	m, err := o.adder.dir.ReadManifest(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	var got []string
	for _, e := range m.Entries() {
		got = append(got, e.ID.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		o.t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// engram writes while the new manifest is being prepared.
func TestOvertakenBeforeTheRename(t *testing.T) {
	for name, before := range map[string]string{"there was a manifest": firstOnly, "there was an empty one": noEntry, "there was none": ""} {
		t.Run(name, func(t *testing.T) {
			o := overtake(t, before)
			o.write(o.path, andSecond)
			o.finish(o.adder.dir.replaceManifest(o.was.Bytes(), o.next.Bytes()), "11111111", "22222222", "33333333")
		})
	}
}

// engram opens the manifest, we replace it, and engram writes into what it has open.
func TestOvertakenDuringTheRename(t *testing.T) {
	if !renamesOverOpen {
		t.Skip("this system renames over no file that somebody has open")
	}
	synctest.Test(t, func(t *testing.T) {
		o := overtake(t, firstOnly)
		theirs, err := os.OpenFile(o.path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		var theirErr error
		go func() {
			// While this runs, the clock of synctest stands still.
			theirErr = writeOnceReplaced(theirs, o.path)
		}()
		overtaken := o.adder.attempt(t.Context())
		synctest.Wait()
		if theirErr != nil {
			t.Fatal(theirErr)
		}
		o.finish(overtaken, "11111111", "33333333", "22222222")
	})
}

// writeOnceReplaced waits until another file than f has its path, and then
// writes f as engram would.
func writeOnceReplaced(f *os.File, path string) error {
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	for {
		now, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !os.SameFile(opened, now) {
			break
		}
		runtime.Gosched()
	}
	if _, err := f.WriteString(andSecond); err != nil {
		return err
	}
	return f.Close()
}

// engram dies after it has truncated what we replaced: nothing is left to find,
// and nothing is lost that was there before.
func TestOvertakenByADyingEngram(t *testing.T) {
	if !renamesOverOpen {
		t.Skip("this system renames over no file that somebody has open")
	}
	o := overtake(t, firstOnly)
	if err := o.adder.dir.replaceManifest(o.was.Bytes(), o.next.Bytes()); err != nil {
		t.Fatal(err)
	}
	torn := func() ([]byte, error) { return []byte(andSecond[:30]), nil }
	synctest.Test(t, func(t *testing.T) {
		if err := o.adder.collect(t.Context(), o.next, torn); err != nil {
			t.Errorf("collect gives %v", err)
		}
	})
	if _, err := o.adder.dir.ReadManifest(t.Context()); err != nil {
		t.Error(err)
	}
}
