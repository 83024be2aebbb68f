package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// The releases whose databases are told apart.
const (
	release194  = "1.9.4"
	release1161 = "1.16.1"
)

// desk is a user's machine: a database and a repository called repo.
type desk struct {
	*user
	data, repo string
	exported   map[string]bool // what engram has in sync_chunks
}

// newDesk has an empty database of that release.
func newDesk(t *testing.T, release string) *desk {
	t.Helper()
	u := newUser(t, "", "")
	d := &desk{user: u, exported: map[string]bool{}, data: filepath.Join(u.where, "data"), repo: filepath.Join(u.where, "repo")}
	d.env = append(d.env, "ENGRAM_DATA_DIR="+d.data, "USER=alice")
	for _, err := range []error{
		copyDatabase(release, d.data),
		execSQL(t.Context(), d.data, "DELETE FROM observations; DELETE FROM user_prompts; DELETE FROM sessions; DELETE FROM sync_chunks"),
		os.MkdirAll(filepath.Join(d.repo, ".git"), 0o755),
		os.MkdirAll(filepath.Join(d.repo, ".engram", "chunks"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	u.where = d.repo
	return d
}

func (d *desk) dir() string { return filepath.Join(d.repo, ".engram") }

func (d *desk) sql(format string, args ...any) {
	d.t.Helper()
	if err := execSQL(d.t.Context(), d.data, fmt.Sprintf(format, args...)); err != nil {
		d.t.Fatal(err)
	}
}

// save is what an agent does: a session where there is none yet, and a memory.
func (d *desk) save(id, clock string) {
	d.t.Helper()
	d.sql(`INSERT OR IGNORE INTO sessions (id, project, directory, started_at) VALUES ('s', 'repo', '/w/repo', '2026-11-22 07:00:00');
		INSERT INTO observations (sync_id, session_id, type, title, content, project, scope, created_at, updated_at)
		VALUES ('%[1]s', 's', 'note', 'title of %[1]s', 'text', 'repo', 'project', '2026-11-22 %[2]s', '2026-11-22 %[2]s')`, id, clock)
}

// engramSync is engram's own export: the rows that are newer than the newest
// entry become a chunk, if it has not exported that before. Source: local-state.md 1.5.
func (d *desk) engramSync(release, clock string) {
	d.t.Helper()
	made, newest := d.rows(), ""
	for _, e := range d.entries() {
		newest = max(newest, strings.NewReplacer("T", " ", "Z", "").Replace(e.CreatedAt))
	}
	made.Sessions = slices.DeleteFunc(made.Sessions, func(s engram.Session) bool { return s.StartedAt <= newest })
	made.Observations = slices.DeleteFunc(made.Observations, func(o engram.Observation) bool {
		return o.CreatedAt <= newest && (release == release194 || o.UpdatedAt <= newest)
	})
	made.Prompts = slices.DeleteFunc(made.Prompts, func(p engram.Prompt) bool { return p.CreatedAt <= newest })
	text, err := engram.EncodeChunk(made)
	if err != nil {
		d.t.Fatal(err)
	}
	id := contentID(text)
	if len(made.Sessions)+len(made.Observations)+len(made.Prompts) > 0 && !d.exported[id] {
		d.addChunk(made, "2026-11-22T"+clock+"Z")
		d.exported[id] = true
	}
}

func (d *desk) entries() []engram.ChunkEntry {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir(), "manifest.json"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		d.t.Fatal(err)
	}
	m, err := engram.ParseManifest(text)
	if err != nil {
		d.t.Fatal(err)
	}
	return m.Entries()
}

// addChunk puts a chunk into the repository, as engram or a merge would.
func (d *desk) addChunk(rows engram.ChunkRows, createdAt string) {
	d.t.Helper()
	text, err := engram.EncodeChunk(rows)
	if err != nil {
		d.t.Fatal(err)
	}
	id, err := storeChunk(d.dir(), text)
	if err != nil {
		d.t.Fatal(err)
	}
	parsed, err := engram.ParseChunkID(id)
	if err != nil {
		d.t.Fatal(err)
	}
	entry := engram.ChunkEntry{ID: parsed, CreatedBy: "bob", CreatedAt: createdAt,
		Sessions: len(rows.Sessions), Memories: len(rows.Observations), Prompts: len(rows.Prompts)}
	m := map[string]any{"version": 1, "chunks": append(d.entries(), entry)}
	if text, err = json.MarshalIndent(m, "", "  "); err == nil {
		err = os.WriteFile(filepath.Join(d.dir(), "manifest.json"), text, 0o644)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// rows are those of the database.
func (d *desk) rows() (rows engram.ChunkRows) {
	d.t.Helper()
	db, err := engramdb.Open(d.t.Context(), filepath.Join(d.data, "engram.db"))
	if err != nil {
		d.t.Fatal(err)
	}
	err = db.Snapshot(d.t.Context(), func(s *engramdb.Snapshot) error {
		return errors.Join(
			s.Sessions(d.t.Context(), func(r engram.Session) error { rows.Sessions = append(rows.Sessions, r); return nil }),
			s.Observations(d.t.Context(), func(r engram.Observation) error { rows.Observations = append(rows.Observations, r); return nil }),
			s.Prompts(d.t.Context(), func(r engram.Prompt) error { rows.Prompts = append(rows.Prompts, r); return nil }),
		)
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return rows
}

// clone is what another machine has after it imported all chunks, in the order
// of the manifest.
func (d *desk) clone(release string) *model {
	d.t.Helper()
	m := &model{legacy: release == release194}
	chunks := contentsOf(d.t, d.dir())
	for _, e := range d.entries() {
		var rows engram.ChunkRows
		if err := json.Unmarshal([]byte(chunks[e.ID.String()]), &rows); err != nil {
			d.t.Fatal(err)
		}
		// Each chunk can also be imported alone.
		if err := (&model{legacy: true}).load(rows); err != nil && e.CreatedBy == "alice" {
			d.t.Errorf("chunk %s alone: %v", e.ID, err)
		}
		if err := m.load(rows); err != nil {
			d.t.Errorf("chunk %s: %v", e.ID, err)
		}
	}
	return m
}

// Each case of local-state.md 1.5 in which engram's own export loses something:
// export finds it, says why, and a clone gets what this machine has.
func TestExportFindsWhatEngramLeavesBehind(t *testing.T) {
	skipLong(t)
	tests := []struct {
		story   string
		prepare func(d *desk, release string)
		want    map[string]string // what is found to its reason, in both releases
		want194 map[string]string // and what only 1.9.4 leaves behind
		revived []string          // what clones have nevertheless
	}{
		{"saved in the second of the last chunk", func(d *desk, release string) {
			d.save("obs-1", "08:00:00")
			d.engramSync(release, "09:00:00")
			d.save("obs-2", "09:00:00")
		}, map[string]string{"obs-2": "same_second"}, nil, nil},
		{"a teammate's newer chunk arrives before I sync", func(d *desk, _ string) {
			d.save("obs-1", "08:00:00")
			d.addChunk(engram.ChunkRows{Sessions: []engram.Session{{ID: "t", Project: "repo"}}}, "2026-11-22T09:00:00Z")
		}, map[string]string{"obs-1": "older", "s": "older"}, nil, nil},
		{"an entry with a time in the future", func(d *desk, _ string) {
			d.save("obs-1", "08:00:00")
			d.addChunk(engram.ChunkRows{Sessions: []engram.Session{{ID: "t", Project: "repo"}}}, "2999-01-01T00:00:00Z")
		}, map[string]string{"obs-1": "future_entry", "s": "future_entry"}, nil, nil},
		{"edits, topic revisions and soft deletes", func(d *desk, release string) {
			for _, id := range []string{"obs-1", "obs-2", "obs-3"} {
				d.save(id, "08:00:00")
			}
			d.engramSync(release, "09:00:00")
			d.sql(`UPDATE observations SET title = 'edited', revision_count = 2, updated_at = '2026-11-22 10:00:00' WHERE sync_id = 'obs-1';
				UPDATE observations SET title = 'revised', topic_key = 'a/b', revision_count = 2, updated_at = '2026-11-22 10:00:00' WHERE sync_id = 'obs-2';
				UPDATE observations SET deleted_at = '2026-11-22 10:00:00', updated_at = '2026-11-22 10:00:00' WHERE sync_id = 'obs-3'`)
		}, nil, map[string]string{"obs-1": "edit", "obs-2": "edit", "obs-3": "delete"}, nil},
		{"the end and the summary of a session", func(d *desk, release string) {
			d.save("obs-1", "08:00:00")
			d.engramSync(release, "09:00:00")
			d.sql(`UPDATE sessions SET ended_at = '2026-11-22 10:00:00', summary = 'done'`)
		}, map[string]string{"s": "session_end"}, nil, nil},
		{"the directory was deleted, and engram believes that all is exported", func(d *desk, release string) {
			d.save("obs-1", "08:00:00")
			d.engramSync(release, "09:00:00")
			if err := os.RemoveAll(d.dir()); err != nil {
				d.t.Fatal(err)
			}
		}, map[string]string{"obs-1": "new", "s": "new"}, nil, nil},
		{"what is in no chunk yet, and would go with engram's next", func(d *desk, release string) {
			d.save("obs-1", "08:00:00")
			d.engramSync(release, "09:00:00")
			d.save("obs-2", "10:00:00")
			d.sql(`INSERT INTO user_prompts (sync_id, session_id, content, project, created_at) VALUES ('prompt-1', 's', 'why?', 'repo', '2026-11-22 10:00:00')`)
		}, nil, nil, nil},
		{"a memory that only its session says the project of", func(d *desk, release string) {
			d.save("obs-1", "08:00:00")
			d.engramSync(release, "09:00:00")
			d.save("obs-2", "08:30:00")
			d.sql(`UPDATE observations SET project = NULL WHERE sync_id = 'obs-2'; UPDATE sessions SET project = 'Repo'`)
		}, map[string]string{"obs-2": "older"}, nil, nil},
		{"prompts", func(d *desk, release string) {
			d.save("obs-1", "08:00:00")
			d.engramSync(release, "09:00:00")
			d.sql(`INSERT INTO user_prompts (sync_id, session_id, content, project, created_at) VALUES ('prompt-1', 's', 'why?', 'repo', '2026-11-22 08:00:00')`)
		}, map[string]string{"prompt-1": "older"}, nil, nil},
		{"hard deletes leave no trace to find", func(d *desk, release string) {
			d.save("obs-1", "08:00:00")
			d.save("obs-2", "08:00:00")
			d.engramSync(release, "09:00:00")
			d.sql(`DELETE FROM observations WHERE sync_id = 'obs-2'`)
		}, nil, nil, []string{"obs-2"}},
	}
	for _, release := range []string{release194, release1161} {
		for _, tt := range tests {
			t.Run(release+" "+tt.story, func(t *testing.T) {
				t.Parallel()
				d := newDesk(t, release)
				tt.prepare(d, release)
				d.engramSync(release, "11:00:00") // which takes what it can
				want := maps.Clone(tt.want)
				if release == release194 && want == nil {
					want = tt.want194
				}
				d.exportAndCompare(release, want, tt.revived)
			})
		}
	}
}

// exportAndCompare exports what is left behind: the rows and reasons are these,
// a second export finds nothing, and clones have what the database has.
func (d *desk) exportAndCompare(release string, want map[string]string, revived []string) {
	d.t.Helper()
	stdout, _ := d.run(0, "export", "--dry-run", "--json")
	var planned struct {
		Rows []struct{ Kind, ID, Title, Project, Reason string }
	}
	if err := json.Unmarshal([]byte(stdout), &planned); err != nil {
		d.t.Fatal(err)
	}
	var got map[string]string
	for _, row := range planned.Rows {
		if got == nil {
			got = map[string]string{}
		}
		got[row.ID] = row.Reason
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Fatalf("left behind (-want +got): %s", diff)
	}
	before := d.entries()
	d.run(0, "export")
	if !slices.Equal(d.entries()[:len(before)], before) {
		d.t.Error("the entries that were there have changed")
	}
	after := contentsOf(d.t, d.dir())
	if stdout, _ := d.run(0, "export"); !strings.HasPrefix(stdout, "nothing to export") {
		d.t.Errorf("a second export finds: %s", stdout)
	}
	if diff := cmp.Diff(after, contentsOf(d.t, d.dir())); diff != "" {
		d.t.Error(diff)
	}
	here := (&model{rows: d.rows()}).current()
	there := d.clone(release).current()
	for _, id := range revived {
		if there[id] == "" {
			d.t.Errorf("clones do not have %s", id)
		}
		delete(there, id)
	}
	if release == release194 && want["s"] == "session_end" {
		delete(here, "s") // 1.9.4 ignores a session that it has
	}
	if diff := cmp.Diff(here, there); diff != "" {
		d.t.Errorf("a clone has something else (-here +there): %s", diff)
	}
	if names, err := os.ReadDir(d.dir()); err != nil || len(names) != 2 {
		d.t.Errorf(".engram holds %v, %v", names, err)
	}
}

// Both releases' real databases are complete after one export.
func TestExportCompletesRealDatabases(t *testing.T) {
	for _, release := range []string{release194, release1161} {
		d := newDesk(t, release)
		if err := copyDatabase(release, d.data); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(d.dir(), os.DirFS(fixtures.ChunkDir(release))); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"obs-5579eedd0f7be99a": "delete"}
		if release == release194 {
			want = map[string]string{"obs-86a01d784ee23c9d": "edit", "obs-83a6ebc03547d0cf": "edit", "obs-32fb66e25721ffc3": "edit", "obs-5d2fc9f837f1eab7": "delete"}
		}
		d.exportAndCompare(release, want, nil)
	}
}
