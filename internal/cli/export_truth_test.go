package cli

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// truthRow is a row that a database and its chunks disagree about.
type truthRow struct {
	SyncID  string `json:"sync_id"`
	Why     string `json:"why"`
	Project string `json:"project"`
	Scope   string `json:"scope"`
}

// truthOf is what an export has to find, as kind, identity and whether it is gone.
func truthOf(t *testing.T, release string, wanted func(truthRow) bool) []string {
	t.Helper()
	text, err := os.ReadFile(fixtures.Truth(release))
	if err != nil {
		t.Fatal(err)
	}
	var truth struct {
		NotInChunks map[string][]truthRow `json:"not_in_chunks"`
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	var list []string
	for kind, word := range map[string]string{"observations": "memory", "prompts": "prompt", "sessions": "session", "relations": "relation"} {
		for _, row := range truth.NotInChunks[kind] {
			if wanted(row) {
				list = append(list, shownRow(word, row.SyncID, row.Why == "hard delete"))
			}
		}
	}
	slices.Sort(list)
	return list
}

func shownRow(kind, id string, gone bool) string {
	if gone {
		return kind + " " + id + " gone"
	}
	return kind + " " + id
}

// What two databases of later releases and their chunks disagree about is known: an
// export finds that, and nothing else, and a second one nothing.
func TestExportFindsTheTruth(t *testing.T) {
	skipLong(t)
	for _, tt := range []struct {
		story  string
		args   []string
		wanted func(truthRow) bool
	}{
		{"a project", []string{"--project", "tidewatch"}, func(r truthRow) bool {
			return r.Project == "tidewatch" && cmp.Or(r.Scope, "project") == "project"
		}},
		{"a project and personal rows", []string{"--project", "Tidewatch", "--include-personal"}, func(r truthRow) bool {
			return r.Project == "tidewatch" && r.Scope != "global"
		}},
		{"all projects", []string{"--all-projects"}, func(r truthRow) bool { return r.Scope != "personal" }},
		{"everything", []string{"--all-projects", "--include-personal"}, func(truthRow) bool { return true }},
	} {
		for _, release := range []string{"1.20", "2-like"} {
			t.Run(release+" "+tt.story, func(t *testing.T) {
				d := newDesk(t, release)
				if err := copyDatabase(release, d.data); err != nil {
					t.Fatal(err)
				}
				if err := os.CopyFS(d.dir(), os.DirFS(fixtures.ChunkDir(release))); err != nil {
					t.Fatal(err)
				}
				export := append([]string{"export", "--json"}, tt.args...)
				if d := diff.Diff(truthOf(t, release, tt.wanted), d.planned(export)); d != "" {
					t.Fatal(d)
				}
				d.run(0, export...)
				if again := d.planned(export); len(again) > 0 {
					t.Errorf("a second export finds %v", again)
				}
				d.run(0, "verify")
			})
		}
	}
}

// planned is what an export would write.
func (d *desk) planned(export []string) []string {
	d.t.Helper()
	stdout, _ := d.run(0, append(export, "--dry-run")...)
	var doc struct {
		Rows []struct{ Kind, ID, Reason string }
	}
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
		d.t.Fatal(err)
	}
	var list []string
	for _, row := range doc.Rows {
		list = append(list, shownRow(row.Kind, row.ID, row.Reason == "hard_delete"))
	}
	slices.Sort(list)
	return list
}
