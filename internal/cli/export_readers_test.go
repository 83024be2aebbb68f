package cli

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	imports "github.com/engram-sync/engram-sync/internal/testkit/importer"
)

// held is what a database has, as members by kind and identity.
type held map[string]map[string]string

// compared are the columns that have to come over.
var compared = map[string]string{
	"sessions":         "id, project, ownership_mode, directory, ended_at, summary",
	"observations":     "sync_id, session_id, type, title, content, tool_name, project, scope, topic_key, revision_count, review_after, created_at, deleted_at",
	"user_prompts":     "sync_id, session_id, content, project, source_inbox_id, created_at",
	"memory_relations": "sync_id, source_id, target_id, relation, reason, evidence, confidence, judgment_status, marked_by_actor, marked_by_kind, marked_by_model",
}

// sourceOf reads a database without any of our own code.
func sourceOf(t *testing.T, path string) held {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	have := held{}
	for table, columns := range compared {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table) //nolint:gosec // a name of ours
		if err != nil {
			t.Fatal(err)
		}
		names, _ := rows.Columns()
		wanted := strings.Split(columns, ", ")
		for rows.Next() {
			values := make([]any, len(names))
			into := make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			row := map[string]string{}
			for i, name := range names {
				if values[i] != nil && slices.Contains(wanted, name) {
					row[name] = fmt.Sprint(values[i])
				}
			}
			have[table+" "+row[wanted[0]]] = row
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return have
}

// importedOf is what the model of a reader has, in the same words.
func importedOf(db *imports.Database) held {
	have := held{}
	add := func(table, id string, row map[string]any) {
		out := map[string]string{}
		for name, value := range row {
			switch value := value.(type) {
			case *string:
				if value != nil {
					out[name] = *value
				}
			case *float64:
				if value != nil {
					out[name] = fmt.Sprint(*value)
				}
			default:
				out[name] = fmt.Sprint(value)
			}
		}
		have[table+" "+id] = out
	}
	for id, s := range db.Sessions {
		add("sessions", id, map[string]any{"id": id, "project": s.Project, "ownership_mode": s.Mode, "directory": s.Directory, "ended_at": s.EndedAt, "summary": s.Summary})
	}
	for id, o := range db.Observations {
		add("observations", id, map[string]any{
			"sync_id": id, "session_id": o.SessionID, "type": o.Type, "title": o.Title, "content": o.Content, "tool_name": o.ToolName, "project": o.Project,
			"scope": o.Scope, "topic_key": o.TopicKey, "revision_count": o.RevisionCount, "review_after": o.ReviewAfter, "created_at": o.CreatedAt, "deleted_at": o.DeletedAt,
		})
	}
	for id, p := range db.Prompts {
		add("user_prompts", id, map[string]any{"sync_id": id, "session_id": p.SessionID, "content": p.Content, "project": p.Project, "source_inbox_id": p.SourceInboxID, "created_at": p.CreatedAt})
	}
	for id, r := range db.Relations {
		add("memory_relations", id, map[string]any{
			"sync_id": id, "source_id": r.SourceID, "target_id": r.TargetID, "relation": r.Relation, "reason": r.Reason, "evidence": r.Evidence, "confidence": r.Confidence,
			"judgment_status": r.Judgment, "marked_by_actor": r.MarkedBy, "marked_by_kind": r.MarkedByKind, "marked_by_model": r.MarkedModel,
		})
	}
	return have
}

// differences are what one has otherwise than the other, a line for each member.
func differences(source, imported held, why func(key string) string) (lines []string) {
	for _, key := range slices.Sorted(maps.Keys(source)) {
		if imported[key] == nil {
			lines = append(lines, why(key)+key+" is not there")
			continue
		}
		names := slices.Collect(maps.Keys(source[key]))
		names = slices.AppendSeq(names, maps.Keys(imported[key]))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if source[key][name] != imported[key][name] {
				lines = append(lines, fmt.Sprintf("%s %s: %.40q in place of %.40q", key, name, imported[key][name], source[key][name]))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(imported)) {
		if source[key] == nil {
			lines = append(lines, key+" should not be there")
		}
	}
	return lines
}

// rule is why a reader has something otherwise than the exporter.
type rule struct {
	name string
	of   []engram.Generation
	line string // of differences
}

var everyGeneration = []engram.Generation{engram.Gen1, engram.Gen2, engram.Gen3}

// rules are all that there are. Source: engram-2.md 2.3, 2.4, 10.
var rules = []rule{
	{"an orphaned relation is never sent, and its judgment stays with who saw that", everyGeneration, `memory_relations \S+ judgment_status: .* in place of "orphaned"`},
	{"1.x and 2.x do not apply review_after", everyGeneration[:2], `observations \S+ review_after: "" in place of .*`},
	{"1.x knows no ownership", everyGeneration[:1], `sessions \S+ ownership_mode: "" in place of .*`},
	{"2.x calls shared what has no mode", everyGeneration[1:], `sessions \S+ ownership_mode: "shared" in place of ""`},
	{"2.x stalls at a session without a directory, which goes with its rows into a chunk of its own", everyGeneration[1:2], `stalled .* is not there`},
	{"3.x does so unless it is project-owned", everyGeneration[2:], `stalled .* is not there`},
	{"a project's export has only what is of it, and of its scope", everyGeneration, `(personal|global|lanternfish) .* is not there`},
}

// What was exported comes whole into a database of each generation, but for what the
// rules say; and what does not come, verify tells.
func TestReadersGetWhatWasExported(t *testing.T) {
	skipLong(t)
	used := map[string]bool{}
	for _, release := range []string{"1.20", "2-like"} {
		for _, scope := range [][]string{{"--all-projects", "--include-personal"}, {"--project", "tidewatch"}} {
			t.Run(release+strings.Join(scope, " "), func(t *testing.T) {
				d := newDesk(t, release)
				for _, err := range []error{copyDatabase(release, d.data), os.CopyFS(d.dir(), os.DirFS(fixtures.ChunkDir(release)))} {
					if err != nil {
						t.Fatal(err)
					}
				}
				source := sourceOf(t, filepath.Join(d.data, "engram.db"))
				d.run(0, append([]string{"export"}, scope...)...)
				dir, err := imports.Load(d.dir())
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range everyGeneration {
					db := imports.NewDatabase()
					out := imports.Import(g, dir, db)
					if out.Refused != nil || len(out.Events) > 0 {
						t.Errorf("%s: %+v", g, out)
					}
					for _, line := range differences(source, importedOf(db), sayWhy(source, dir, out)) {
						if why := ruleFor(g, line); why == "" {
							t.Errorf("%s: %s", g, line)
						} else {
							used[why] = true
						}
					}
					if diff := diff.Diff(stalledChunks(out), d.saidToStall(g)); diff != "" {
						t.Errorf("%s: what verify says of stalls (-model +verify):\n%s", g, diff)
					}
				}
			})
		}
	}
	for _, r := range rules {
		if !used[r.name] {
			t.Errorf("nothing needs the rule that %s", r.name)
		}
	}
}

func ruleFor(g engram.Generation, line string) string {
	for _, r := range rules {
		if slices.Contains(r.of, g) && regexp.MustCompile("^"+r.line+"$").MatchString(line) {
			return r.name
		}
	}
	return ""
}

// sayWhy says of a row that is not there what it is: in a chunk that stalls, of a scope
// or a project that stays home, or "".
func sayWhy(source held, dir imports.Directory, out imports.Outcome) func(key string) string {
	return func(key string) string {
		row := source[key]
		identity := strings.Fields(key)[1]
		for _, c := range dir.Chunks {
			stalls := slices.ContainsFunc(out.Stalled, func(s imports.Fault) bool { return s.Chunk == c.ID })
			if stalls && strings.Contains(string(c.Text), `"`+identity+`"`) {
				return "stalled "
			}
		}
		if row["scope"] == "personal" || row["scope"] == "global" || row["project"] == "lanternfish" {
			return cmp.Or(strings.TrimPrefix(row["scope"], "project"), row["project"]) + " "
		}
		return ""
	}
}

func stalledChunks(out imports.Outcome) []string {
	ids := []string{}
	for _, s := range out.Stalled {
		ids = append(ids, s.Chunk)
	}
	slices.Sort(ids)
	return ids
}

// saidToStall are the chunks at which verify says that a generation stalls.
func (d *desk) saidToStall(g engram.Generation) []string {
	d.t.Helper()
	stdout, _ := d.run(0, "verify", "--json", "--for", g.String())
	var doc struct {
		Warnings []struct {
			ID      string
			Readers []struct{ Effect string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
		d.t.Fatal(err)
	}
	ids := []string{}
	for _, w := range doc.Warnings {
		if len(w.Readers) > 0 && w.Readers[0].Effect == "stalls" {
			ids = append(ids, w.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
