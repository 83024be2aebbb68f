package readers_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/testkit/importer"
)

// TestFindingsAreWhatReadersDo makes directories with everything in them that may be
// wrong, and holds what Judge says of each against the model of the import: where
// nothing is found, nothing is refused, stalled or lost, and what is found happens.
func TestFindingsAreWhatReadersDo(t *testing.T) {
	clean := map[engram.Generation]int{}
	found := map[readers.Problem]int{}
	for n := range uint64(600) {
		w := world{dice: rand.New(rand.NewPCG(12, n)), odd: int(n % 4)} //nolint:gosec // the same every time
		dir := w.directory()
		content := read(t, dir)
		for _, g := range readers.Generations {
			findings := readers.Judge(content, g)
			if len(findings) == 0 {
				clean[g]++
			}
			for _, f := range findings {
				found[f.Problem]++
			}
			if err := hold(g, dir, findings); err != nil {
				text, _ := json.MarshalIndent(shown(dir), "", " ")
				t.Fatalf("directory %d, %s: %v\n%s\nversion %d\n%s", n, g, err, told(findings), dir.Version, text)
			}
		}
	}
	for _, g := range readers.Generations {
		if clean[g] < 20 {
			t.Errorf("%d directories that %s imports whole are too few to learn from", clean[g], g)
		}
	}
	for p := range readers.Problems() {
		if found[p] == 0 && p != readers.WrongType {
			t.Errorf("no directory has the problem %s", p)
		}
	}
}

func shown(dir importer.Directory) (texts []json.RawMessage) {
	for _, c := range dir.Chunks {
		texts = append(texts, json.RawMessage(cmp.Or(strings.TrimSpace(string(c.Text)), "null")))
	}
	return texts
}

func told(findings []readers.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintln(&b, f.Chunk, f.Row, f.Problem, f.Effects)
	}
	return b.String()
}

// read is the directory as Judge takes it.
func read(t *testing.T, dir importer.Directory) readers.Directory {
	d := readers.Directory{Version: dir.Version}
	for _, c := range dir.Chunks {
		id, err := engram.ParseChunkID(c.ID)
		if err != nil {
			t.Fatal(err)
		}
		l := readers.Listed{ID: id, Broken: c.Broken}
		if !c.Missing && !c.Broken {
			if l.Chunk, err = readers.Read(bytes.NewReader(c.Text), key); err != nil {
				t.Fatalf("%v\n%s", err, c.Text)
			}
		}
		d.Chunks = append(d.Chunks, l)
	}
	return d
}

// hold compares findings with what the model does.
func hold(g engram.Generation, dir importer.Directory, findings []readers.Finding) error {
	refused := map[string]bool{}
	low, owned := false, false
	for _, f := range findings {
		switch {
		case f.Problem == readers.LowVersion:
			low = true
		case f.Problem == readers.Owned:
			owned = true
		case f.Effects[g] == readers.Refuses:
			refused[f.Chunk.String()] = true
		}
	}
	if out := importer.Import(g, dir, importer.NewDatabase()); (out.Refused != nil) != (owned || len(refused) > 0) {
		return fmt.Errorf("the whole import is refused: %+v", out.Refused)
	}
	mended := importer.Directory{Version: dir.Version}
	for _, c := range dir.Chunks {
		if !refused[c.ID] {
			mended.Chunks = append(mended.Chunks, c)
		}
	}
	if low && len(rowsOf(mended)) > 0 { // it depends on what the reader has
		db := importer.NewDatabase()
		db.Sessions["mine"] = importer.Session{ID: "mine", Project: "demo", Mode: engram.ProjectOwned}
		if out := importer.Import(g, mended, db); out.Refused == nil {
			return errors.New("a lowered version is imported")
		}
	}
	if low || owned {
		mended.Version = 2
	}
	db := importer.NewDatabase()
	out := importer.Import(g, mended, db)
	if out.Refused != nil {
		return fmt.Errorf("still refused: %+v", out.Refused)
	}
	if err := confirm(g, mended, out, db, findings); err != nil {
		return err
	}
	if err := expected(out, db, findings); err != nil {
		return err
	}
	if slices.ContainsFunc(findings, func(f readers.Finding) bool { return f.Problem != readers.LowVersion }) {
		return nil
	}
	return nothingLost(mended, db)
}

// row is a row of a directory, or the payload of a mutation.
type row struct {
	importer.Row
	chunk, list string
	index       int
	entity, key string
	deletes     bool
}

func rowsOf(dir importer.Directory) (rows []row) {
	for _, c := range dir.Chunks {
		var doc map[string][]importer.Row
		if c.Missing || c.Broken || json.Unmarshal(c.Text, &doc) != nil {
			continue
		}
		for list, entity := range map[string]string{"sessions": "session", "observations": "observation", "prompts": "prompt", "mutations": ""} {
			for i, members := range doc[list] {
				r := row{members, c.ID, list, i, entity, "", false}
				if list == "mutations" {
					r.entity = fmt.Sprint(members["entity"])
					r.deletes = members["op"] == "delete"
					r.Row = nil
					_ = json.Unmarshal([]byte(members["payload"].(string)), &r.Row)
				}
				id := "sync_id"
				if r.entity == "session" {
					id = "id"
				}
				r.key, _ = r.Row[id].(string)
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// confirm looks for what each finding says in the outcome of the model.
func confirm(g engram.Generation, dir importer.Directory, out importer.Outcome, db *importer.Database, findings []readers.Finding) error {
	rows := rowsOf(dir)
	event := func(chunk string, what importer.What) bool {
		return slices.ContainsFunc(out.Events, func(e importer.Event) bool { return e.Chunk == chunk && e.What == what })
	}
	for _, f := range findings {
		id := f.Chunk.String()
		var at row
		if f.Row != nil {
			if i := slices.IndexFunc(rows, func(r row) bool { return r.chunk == id && r.list == f.Row.List && r.index == f.Row.Index }); i >= 0 {
				at = rows[i]
			}
		}
		o, held := db.Observations[at.key]
		s, begun := db.Sessions[at.key]
		ok := true
		switch effect := f.Effects[g]; {
		case effect == readers.Stalls:
			ok = slices.ContainsFunc(out.Stalled, func(s importer.Fault) bool { return s.Chunk == id })
		case effect == readers.Skips:
			ok = slices.Contains(out.Missing, id)
		case f.Problem == readers.LoneSession:
			ok = event(id, importer.Dropped)
		case effect == readers.Drops:
			ok = event(id, importer.Dead)
		case effect == readers.Invents:
			ok = event(id, importer.Stub)
		case effect == readers.Aside:
			_, ok = db.Waiting[at.key]
		case f.Problem == readers.Deleted && at.entity == "observation":
			ok = held && o.DeletedAt == nil
		case f.Problem == readers.Deleted && at.entity == "session":
			ok = begun
		case effect == readers.Loses && at.entity == "observation":
			ok = !held || o.DeletedAt != nil
		case effect == readers.Replaces:
			ok = held && o.Title == at.Row["title"]
		case effect == readers.Erases:
			ok = begun && strings.TrimSpace(s.Directory) == ""
		case effect == readers.Applies || effect == readers.Merges || f.Problem == readers.SaysDeleted:
			ok = db.Known[id]
		}
		if !ok {
			return fmt.Errorf("%v %v %s does not happen: %+v", f.Chunk, f.Row, f.Problem, out)
		}
	}
	return nil
}

// expected looks for a finding about each thing that the model could not do.
func expected(out importer.Outcome, db *importer.Database, findings []readers.Finding) error {
	tells := func(chunk string, effects ...readers.Effect) bool {
		return slices.ContainsFunc(findings, func(f readers.Finding) bool {
			return (chunk == "" || f.Chunk.String() == chunk) && slices.ContainsFunc(readers.Generations, func(g engram.Generation) bool { return slices.Contains(effects, f.Effects[g]) })
		})
	}
	for _, s := range out.Stalled {
		if !tells(s.Chunk, readers.Stalls) {
			return fmt.Errorf("chunk %s stalls: %s", s.Chunk, s.Why)
		}
	}
	for _, id := range out.Missing {
		if !tells(id, readers.Skips) {
			return fmt.Errorf("chunk %s is missing", id)
		}
	}
	for _, e := range out.Events {
		switch {
		case e.What == importer.Stale || e.What == importer.Aside:
		case e.What == importer.Stub && !tells(e.Chunk, readers.Invents), e.What != importer.Stub && !tells(e.Chunk, readers.Drops):
			return fmt.Errorf("nothing is said of %+v", e)
		}
	}
	if len(db.Waiting) > 0 && !tells("", readers.Aside) {
		return fmt.Errorf("relations wait: %v", db.Waiting)
	}
	return nil
}

// nothingLost compares a database with the newest word on each memory, where that is plain.
func nothingLost(dir importer.Directory, db *importer.Database) error {
	type word struct {
		at      string
		deletes bool
		title   any
	}
	words := map[string][]word{}
	for _, r := range rowsOf(dir) {
		at, _ := r.Row["updated_at"].(string)
		deletes := r.deletes
		if gone, _ := r.Row["deleted_at"].(string); gone != "" {
			at, deletes = gone, true
		}
		if r.entity == "observation" {
			words[r.key] = append(words[r.key], word{at, deletes, r.Row["title"]})
		}
	}
	for key, said := range words {
		newest := slices.MaxFunc(said, func(a, b word) int { return cmp.Compare(a.at, b.at) })
		timed := func(w word) bool { return strings.HasPrefix(w.at, "2026-") }
		rivals := slices.DeleteFunc(slices.Clone(said), func(w word) bool { return timed(w) && timed(newest) && w.at[:19] != newest.at[:19] })
		if !timed(newest) || len(rivals) > 1 {
			continue // several at once, or without a time
		}
		o, held := db.Observations[key]
		switch {
		case newest.deletes && held && o.DeletedAt == nil:
			return fmt.Errorf("%s is back", key)
		case !newest.deletes && (!held || o.DeletedAt != nil || o.Title != newest.title):
			return fmt.Errorf("%s is lost: %+v of %+v", key, o, said)
		}
	}
	return nil
}
