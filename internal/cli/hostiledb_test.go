package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever stands in engram.db: the commands that read it end with a documented code,
// and say on one line what is wrong.
func TestHostileDatabases(t *testing.T) {
	skipLong(t)
	recursive := func(table, columns string) string {
		return "DROP TABLE " + table + "; CREATE VIEW " + table + " AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT " + columns + " FROM c"
	}
	d := newDesk(t, "1.16.1")
	d.save("obs-1", "09:00:00")
	d.sql("DELETE FROM sync_mutations")
	vault, kept := "embedded:"+filepath.Join(t.TempDir(), "vault"), filepath.Join(t.TempDir(), "kept")
	d.run(0, "export", "--project", "repo")
	d.run(0, "push", "--init", "--remote", vault)
	if err := os.CopyFS(kept, os.DirFS(d.data)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		story, sql   string
		export, push int // exit codes
		says         string
	}{
		{"a zero byte", `UPDATE observations SET content = 'a' || char(0) || 'b', title = char(0)`, 0, 0, ""},
		{"bytes that are no text", `UPDATE observations SET content = CAST(X'fffe41c3' AS TEXT), sync_id = CAST(X'ff' AS TEXT)`, 0, 0, ""},
		{"bytes", `UPDATE observations SET content = X'00ff00', title = X'ff'; UPDATE sessions SET directory = X'00'`, 0, 0, ""},
		{"numbers", `UPDATE observations SET title = 7, content = 1e300, created_at = 9223372036854775807, updated_at = -1, scope = 3, revision_count = 'many'`, 0, 0, ""},
		{"numbers that are too large", `UPDATE observations SET revision_count = 1e300, duplicate_count = -9e18`, 0, 0, ""},
		{"times", `UPDATE observations SET created_at = '-4713-01-01 00:00:00', updated_at = '99999-01-01 00:00:00', deleted_at = '0000-00-00'`, 0, 0, ""},
		{"nothing where something must stand", `UPDATE observations SET sync_id = NULL`, 0, 0, ""},
		{"a view without an end", recursive("observations", "x AS id, 'a' AS sync_id, 's' AS session_id, 'n' AS type, 't' AS title, 'c' AS content, 'project' AS scope, 1 AS revision_count, 1 AS duplicate_count, '' AS created_at, '' AS updated_at, NULL AS deleted_at"), 2, 2, "no table observations"},
		{"a journal without an end", recursive("sync_mutations", "x AS seq, 'prompt' AS entity, 'k' AS entity_key, 'delete' AS op, '{}' AS payload, 'repo' AS project, '' AS occurred_at, NULL AS acked_at, 'cloud' AS target_key"), 0, 2, "no table sync_mutations"},
		{"a column that is computed", `ALTER TABLE sessions DROP COLUMN summary; ALTER TABLE sessions ADD COLUMN summary TEXT AS (printf('%.*c', 900000000, 'x')) VIRTUAL`, 0, 0, ""},
		{"a column that is missing", `ALTER TABLE observations RENAME COLUMN scope TO scopes`, 2, 2, "no column observations.scope"},
		{"a trigger", `CREATE TRIGGER t AFTER INSERT ON sessions BEGIN DELETE FROM observations; END`, 0, 0, ""},
		{"a payload that is none", `INSERT INTO sync_mutations (target_key, entity, entity_key, op, payload, source, project, occurred_at) VALUES ('cloud', 'observation', 'o', 'upsert', X'ff00', 'local', 'repo', 7)`, 0, 6, "payload is not valid UTF-8"},
	} {
		t.Run(tt.story, func(t *testing.T) {
			d.t = t
			if err := errors.Join(os.RemoveAll(d.data), os.CopyFS(d.data, os.DirFS(kept))); err != nil {
				t.Fatal(err)
			}
			d.sql("%s", tt.sql)
			for _, run := range []struct {
				code int
				args []string
			}{
				{tt.export, []string{"export", "--all-projects", "--dry-run"}},
				{0, []string{"status", "--project", "repo"}},
				{tt.push, []string{"mutations", "push", "--db", filepath.Join(d.data, "engram.db"), "--dry-run", "--remote", vault}},
			} {
				code, _, stderr := d.try(run.args...)
				if code != run.code || strings.Contains(stderr, "panic") || strings.Contains(stderr, "internal error") {
					t.Errorf("%v: %d, want %d:\n%s", run.args, code, run.code, stderr)
				}
				if code != 0 && !strings.Contains(stderr, tt.says) {
					t.Errorf("%v says %s", run.args, stderr)
				}
			}
		})
	}
}
