package cli

import (
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	imports "github.com/engram-sync/engram-sync/internal/testkit/importer"
)

// A teammate who has imported what was exported has nothing of it to export, whatever
// the import of that generation changed. Source: engram-2.md 2.3.
func TestWhatWasImportedIsNotExportedAgain(t *testing.T) {
	skipLong(t)
	for _, release := range []string{"1.20", "2-like"} {
		for _, scope := range [][]string{{"--all-projects", "--include-personal"}, {"--project", "tidewatch"}} {
			for _, g := range everyGeneration {
				if scope[0] == "--project" && g != engram.Gen2 {
					continue // the importer knows nothing of scopes
				}
				t.Run(release+" "+g.String()+" "+scope[0], func(t *testing.T) {
					writer := newDesk(t, release)
					for _, err := range []error{copyDatabase(release, writer.data), os.CopyFS(writer.dir(), os.DirFS(fixtures.ChunkDir(release)))} {
						if err != nil {
							t.Fatal(err)
						}
					}
					writer.run(0, append([]string{"export"}, scope...)...)

					reader := newDesk(t, map[engram.Generation]string{engram.Gen1: "1.20", engram.Gen2: "2-like", engram.Gen3: "2-like"}[g])
					reader.dropRows(g)
					if err := os.CopyFS(reader.dir(), os.DirFS(writer.dir())); err != nil {
						t.Fatal(err)
					}
					dir, err := imports.Load(reader.dir())
					if err != nil {
						t.Fatal(err)
					}
					db := imports.NewDatabase()
					imports.Import(g, dir, db)
					reader.store(db)
					out, _ := reader.run(0, append([]string{"export", "--json", "--dry-run"}, scope...)...)
					var doc struct {
						Rows    []json.RawMessage
						Summary memories.Tally
					}
					if err := json.Unmarshal([]byte(out), &doc); err != nil {
						t.Fatal(err)
					}
					if doc.Summary.InChunks == 0 || len(doc.Rows) > 0 {
						t.Errorf("%+v\n%s", doc.Summary, doc.Rows)
					}
				})
			}
		}
	}
}

// dropRows leaves a database of a generation with nothing in it.
func (d *desk) dropRows(g engram.Generation) {
	d.sql("DELETE FROM memory_relations; DELETE FROM prompt_tombstones; DELETE FROM sync_mutations")
	if g >= engram.Gen2 {
		d.sql("DELETE FROM sync_delete_tombstones")
	}
	if g >= engram.Gen3 {
		d.sql("ALTER TABLE user_prompts ADD COLUMN source_inbox_id TEXT")
	}
}

// store puts what a reader has into its database.
func (d *desk) store(from *imports.Database) {
	d.t.Helper()
	db, err := openAsEngram(d.data)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(db.Close(), settle(d.data)); err != nil {
			d.t.Error(err)
		}
	}()
	known := map[string]bool{}
	insert := func(table string, row map[string]any) {
		var names, places []string
		var values []any
		for name, value := range row {
			if !known[table+"."+name] && !hasColumn(d.t, db, table, name) {
				continue
			}
			known[table+"."+name] = true
			names, places, values = append(names, name), append(places, "?"), append(values, value)
		}
		query := "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(places, ", ") + ")"
		if _, err := db.ExecContext(d.t.Context(), query, values...); err != nil {
			d.t.Fatal(err)
		}
	}
	blank := func(t string) any {
		if t == "" {
			return nil
		}
		return t
	}
	for id, s := range from.Sessions {
		insert("sessions", map[string]any{"id": id, "project": s.Project, "ownership_mode": blank(s.Mode), "directory": s.Directory,
			"started_at": s.StartedAt, "ended_at": s.EndedAt, "summary": s.Summary})
	}
	for id, o := range from.Observations {
		insert("observations", map[string]any{
			"sync_id": id, "session_id": o.SessionID, "type": o.Type, "title": o.Title, "content": o.Content, "tool_name": o.ToolName, "project": o.Project,
			"scope": o.Scope, "topic_key": o.TopicKey, "revision_count": o.RevisionCount, "duplicate_count": o.DuplicateCount, "last_seen_at": o.LastSeenAt,
			"review_after": o.ReviewAfter, "created_at": o.CreatedAt, "updated_at": o.UpdatedAt, "deleted_at": o.DeletedAt,
		})
	}
	for id, p := range from.Prompts {
		insert("user_prompts", map[string]any{"sync_id": id, "session_id": p.SessionID, "content": p.Content, "project": p.Project,
			"source_inbox_id": blank(p.SourceInboxID), "created_at": p.CreatedAt})
	}
	for id, r := range from.Relations {
		insert("memory_relations", map[string]any{
			"sync_id": id, "source_id": r.SourceID, "target_id": r.TargetID, "relation": r.Relation, "reason": r.Reason, "evidence": r.Evidence,
			"confidence": r.Confidence, "judgment_status": r.Judgment, "marked_by_actor": r.MarkedBy, "marked_by_kind": r.MarkedByKind,
			"marked_by_model": r.MarkedModel, "session_id": r.SessionID, "created_at": r.CreatedAt, "updated_at": r.UpdatedAt,
		})
	}
	for name, at := range from.Tombstones {
		if hasColumn(d.t, db, "sync_delete_tombstones", "entity") {
			insert("sync_delete_tombstones", map[string]any{"entity": name.Entity, "entity_key": name.Key, "deleted_at": at, "hard_delete": 1, "active": 1})
		} else if name.Entity == "prompt" {
			insert("prompt_tombstones", map[string]any{"sync_id": name.Key, "deleted_at": at})
		}
	}
}

func hasColumn(t *testing.T, db *sql.DB, table, column string) bool {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pragma_table_info(?) WHERE name = ?", table, column).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n > 0
}
