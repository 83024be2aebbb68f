package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/state"
)

// unexported is what status says, as numbers.
func (d *desk) unexported(args ...string) memories.Tally {
	d.t.Helper()
	stdout, _ := d.run(0, append([]string{"status", "--json", "--remote", "embedded"}, args...)...)
	var doc struct{ Unexported *memories.Tally }
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
		d.t.Fatal(err)
	}
	if doc.Unexported == nil {
		d.t.Fatal("status says nothing of the database")
	}
	return *doc.Unexported
}

// caches are the files of one kind in the state directory.
func (d *desk) caches(kind string) []string {
	d.t.Helper()
	for _, variable := range d.env {
		if home, ok := strings.CutPrefix(variable, "XDG_STATE_HOME="); ok {
			paths, err := filepath.Glob(filepath.Join(home, "engram-sync", kind, "*"))
			if err != nil || len(paths) == 0 {
				d.t.Fatalf("no cache of %s: %v", kind, err)
			}
			return paths
		}
	}
	d.t.Fatal("no state directory")
	return nil
}

// forge replaces the remembered answer by a wrong one, to see who believes it.
func (d *desk) forge(observations int) {
	d.t.Helper()
	path := d.caches("unexported")[0]
	content, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	var file struct{ Question string }
	if err := json.Unmarshal(content[32:], &file); err != nil {
		d.t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(d.dir())
	if err != nil {
		d.t.Fatal(err)
	}
	answer := state.OpenCache(state.In(filepath.Dir(filepath.Dir(path))), "unexported", dir+"\x00"+filepath.Join(d.data, "engram.db"))
	if err := answer.Put(file.Question, map[string]memories.Tallies{"Tallies": {"repo": {Memories: observations}}}); err != nil {
		d.t.Fatal(err)
	}
}

// Nothing is looked at twice, and whatever changes is looked at again.
func TestStatusRemembersUntilSomethingChanges(t *testing.T) {
	for _, release := range []string{release194, release1161} {
		d := newDesk(t, release)
		d.save("obs-1", "08:00:00")
		d.engramSync(release, "09:00:00")
		d.save("obs-2", "08:30:00")
		d.run(0, "push", "--remote", "embedded") // makes the vault, and what is remembered
		want := func(what string, memories int) {
			t.Helper()
			if got := d.unexported(); got.Memories != memories {
				t.Errorf("%s, %s: %d memories, want %d", release, what, got.Memories, memories)
			}
		}
		want("at first", 1)
		d.forge(77)
		want("nothing has changed", 77)
		if got := d.unexported("--project", "other"); got.Memories != 0 {
			t.Errorf("another project has %d", got.Memories)
		}
		want("the answer to another question was kept in its place", 1)

		d.forge(77)
		d.save("obs-3", "08:31:00")
		want("a memory was saved", 2)
		d.forge(77)
		d.sql("UPDATE observations SET title = 'edited', revision_count = 2, updated_at = '2026-11-22 10:00:00' WHERE sync_id = 'obs-1'")
		if got := d.unexported(); got.Memories != 2 || got.Edits != 1 {
			t.Errorf("an edit: %+v", got)
		}

		d.forge(77)
		d.run(0, "export")
		want("it was exported", 0)
		d.forge(77)
		exported := d.entries()[len(d.entries())-1].ID.String()
		file := filepath.Join(d.dir(), "chunks", exported+".jsonl.gz")
		if err := os.Rename(file, filepath.Join(d.where, "aside")); err != nil {
			t.Fatal(err)
		}
		want("a chunk file has gone", 2)
		if err := os.Rename(filepath.Join(d.where, "aside"), file); err != nil {
			t.Fatal(err)
		}
		want("it is back", 0)
		d.forge(77)
		d.addChunk(engram.ChunkRows{Sessions: []engram.Session{{ID: "t"}}}, "2026-11-22T12:00:00Z")
		want("a chunk arrived", 0)
	}
}

// The index of what chunks hold is not believed about a file that was written
// since: what only that file held is exported again.
func TestExportReadsAChunkFileAgainThatWasWrittenSince(t *testing.T) {
	d := newDesk(t, release1161)
	d.save("obs-1", "08:00:00")
	d.run(0, "export")
	id := d.entries()[0].ID.String()
	file := filepath.Join(d.dir(), "chunks", id+".jsonl.gz")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 0xff
	if err := os.WriteFile(file, bad, 0o644); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(file, later, later); err != nil {
		t.Fatal(err)
	}
	stdout, stderr := d.run(0, "export", "--dry-run")
	if !strings.Contains(stderr, "warning: chunk "+id+": what it holds is not known") || !strings.Contains(stdout, "would write 1 chunk with 1 memory") {
		t.Errorf("got %s%s", stdout, stderr)
	}
	if err := os.WriteFile(file, good, 0o644); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr := d.run(0, "export"); !strings.HasPrefix(stdout, "nothing to export") || stderr != "" {
		t.Errorf("got %s%s", stdout, stderr)
	}
}

func TestADamagedCacheChangesNothing(t *testing.T) {
	d := newDesk(t, release1161)
	d.save("obs-1", "08:00:00")
	d.engramSync(release1161, "09:00:00")
	d.save("obs-2", "08:30:00")
	d.run(0, "push", "--remote", "embedded")
	d.unexported()
	for _, path := range append(d.caches("index"), d.caches("unexported")...) {
		if err := os.WriteFile(path, []byte("noise"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.unexported(); got.Memories != 1 {
		t.Errorf("got %+v", got)
	}
	if _, stderr := d.run(0, "push", "--remote", "embedded"); stderr != "note: 1 memory is not exported yet: run `engram-sync export`\n" {
		t.Errorf("got %s", stderr)
	}
}
