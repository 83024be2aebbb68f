package importer_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	. "github.com/engram-sync/engram-sync/internal/testkit/importer"
)

// said is how an import ended, in words: "refused", "stalled" and how many chunks,
// events, then what the database holds.
func said(out Outcome, db *Database) string {
	var words []string
	say := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if out.Refused != nil {
		say("refused")
	}
	if n := len(out.Stalled); n > 0 {
		say("stalled %d", n)
	}
	if n := len(out.Missing); n > 0 {
		say("missing %d", n)
	}
	for _, e := range out.Events {
		say("%s %s", e.What, e.Key)
	}
	var held []string
	for id, s := range db.Sessions {
		held = append(held, strings.TrimSuffix(fmt.Sprintf("%s(%s)", id, strings.Trim(s.Directory+","+s.Mode, ",")), "()"))
	}
	for id, o := range db.Observations {
		text := id
		if o.Title != "t "+id {
			text += "=" + o.Title
		}
		if o.DeletedAt != nil {
			text += " deleted, updated " + o.UpdatedAt[:10]
		}
		held = append(held, text)
	}
	held = append(held, slices.Collect(maps.Keys(db.Prompts))...)
	held = append(held, slices.Collect(maps.Keys(db.Relations))...)
	for id := range db.Waiting {
		held = append(held, id+" waits")
	}
	for name := range db.Tombstones {
		held = append(held, "†"+name.Key)
	}
	slices.Sort(held)
	return strings.Join(append(words, held...), "; ")
}

func first(docs ...any) []any {
	return append([]any{Doc{Sessions: []Row{ASession("s")}, Observations: []Row{AnObservation("a", "s"), AnObservation("b", "s")}, Prompts: []Row{APrompt("p", "s")}}}, docs...)
}

const whole = "a; b; p; s(/w/demo)" // what 1.x has of it
const whole2 = "a; b; p; s(/w/demo,shared)"

// TestTheTable has a case for each line of engram-2.md 2.3's table, as section 10 has it.
// "" is as the generation before. The column of 1.x was seen in 1.16 and 1.20 [L], all else
// was read [R]; so are, for 1.x too, the members that it does not know, and a session that
// is deleted and made again.
func TestTheTable(t *testing.T) {
	older := AnObservation("a", "s").With(Row{"title": "older", "updated_at": Early})
	for _, c := range []struct {
		name          string
		version       int // 2 if 0
		docs          []any
		one, two, tri string
	}{
		{name: "listed chunk missing", docs: first(Missing), one: "missing 1; " + whole, two: "missing 1; " + whole2},
		{name: "bad gzip in a pending chunk", docs: first(Broken), one: "refused"},
		{name: "bad JSON in a pending chunk", docs: first(`{"sessions":`), one: "refused"},
		{name: "unknown members", docs: []any{`{"sessions":[{"id":"s","directory":"/w/demo","x":1}],"observations":null,"prompts":null,"y":[2]}`}, one: "s(/w/demo)", two: "s(/w/demo,shared)"},
		{name: "unknown entity", docs: first(Doc{Mutations: []Row{Upsert("project", "x", Row{})}}), one: "stalled 1; " + whole, two: "stalled 1; " + whole2},
		{name: "payload is not JSON", docs: first(Doc{Mutations: []Row{Upsert("prompt", "p", nil).With(Row{"payload": "{"})}}), one: "stalled 1; " + whole, two: "stalled 1; " + whole2},
		{name: "payload is not JSON below version 2", version: 1, docs: first(Doc{Mutations: []Row{Upsert("prompt", "p", nil).With(Row{"payload": "{"})}}), one: "stalled 1; " + whole, two: "refused"},
		{name: "another ownership_mode", docs: []any{Doc{Sessions: []Row{ASession("s").With(Row{"ownership_mode": "mine"})}}}, one: "s(/w/demo)", two: "stalled 1"},
		{name: "directory absent in a row", docs: []any{Doc{Sessions: []Row{ASession("s").With(Row{"directory": nil})}}}, one: "s", two: "stalled 1"},
		{name: "directory blank in a row", docs: []any{Doc{Sessions: []Row{ASession("s").With(Row{"directory": ""})}}}, one: "s", two: "stalled 1"},
		{name: "directory null in a row", docs: []any{Doc{Sessions: []Row{ASession("s").With(Row{"directory": Null})}}}, one: "s", two: "stalled 1"},
		{name: "directory blank in an owned row", docs: []any{Doc{Sessions: []Row{Owned("s").With(Row{"directory": ""})}}}, one: "s", two: "stalled 1", tri: "s(project_owned)"},
		{name: "directory null in an owned row", docs: []any{Doc{Sessions: []Row{Owned("s").With(Row{"directory": Null})}}}, one: "s", two: "stalled 1", tri: "refused"},
		{name: "directory null in a mutation", docs: []any{Doc{Mutations: []Row{Upsert("session", "s", Owned("s").With(Row{"directory": Null}))}}}, one: "s", two: "stalled 1"},
		{name: "directory a number in a mutation", docs: []any{Doc{Mutations: []Row{Upsert("session", "s", ASession("s").With(Row{"directory": 5}))}}}, one: "stalled 1"},
		{name: "directory a number in a row", docs: []any{Doc{Sessions: []Row{ASession("s").With(Row{"directory": 5})}}}, one: "refused"},
		{name: "directory blank in an owned mutation", docs: []any{Doc{Mutations: []Row{Upsert("session", "s", Owned("s").With(Row{"directory": ""}))}}}, one: "s", two: "stalled 1", tri: "s(project_owned)"},
		{name: "entity_key in another case", docs: first(Doc{Mutations: []Row{Upsert("observation", "A", AnObservation("a", "s").With(Row{"title": "new"}))}}), one: "a=new; b; p; s(/w/demo)", two: "dead A; " + whole2},
		{name: "entity_key of a prompt", docs: first(Doc{Mutations: []Row{Upsert("prompt", "P", APrompt("q", "s"))}}), one: "a; b; p; q; s(/w/demo)", two: "a; b; p; q; s(/w/demo,shared)"},
		{name: "a session that is nowhere", docs: []any{Doc{Observations: []Row{AnObservation("a", "ghost")}}}, one: "stub ghost; a; ghost((recovered-missing-session))", two: "stub ghost; a; ghost((recovered-missing-session),shared)"},
		{name: "a session of a later chunk", docs: []any{Doc{Observations: []Row{AnObservation("a", "s")}}, Doc{Sessions: []Row{ASession("s")}}}, one: "a; s(/w/demo)", two: "a; s(/w/demo,shared)"},
		{name: "relation with a missing end", docs: first(Doc{Prompts: []Row{APrompt("q", "s")}, Mutations: []Row{Upsert("relation", "r", ARelation("r", "a", "x"))}}), one: "stalled 1; " + whole, two: "aside r; a; b; p; q; r waits; s(/w/demo,shared)"},
		{name: "relation whose end comes later", docs: first(Doc{Mutations: []Row{Upsert("relation", "r", ARelation("r", "a", "x"))}}, Doc{Observations: []Row{AnObservation("x", "s")}}), one: "a; b; p; r; s(/w/demo); x", two: "aside r; a; b; p; r; s(/w/demo,shared); x"},
		{name: "relation before its observation", docs: first(Doc{Mutations: []Row{Upsert("relation", "r", ARelation("r", "a", "x")), Upsert("observation", "x", AnObservation("x", "s"))}}), one: "stalled 1; " + whole, two: "a; b; p; r; s(/w/demo,shared); x"},
		{name: "relation of another project", docs: first(Doc{Mutations: []Row{Upsert("relation", "r", ARelation("r", "a", "b")).With(Row{"project": "other"})}}), one: "a; b; p; r; s(/w/demo)", two: "aside r; a; b; p; r waits; s(/w/demo,shared)"},
		{name: "relation delete", docs: first(Doc{Mutations: []Row{Delete("relation", "r", Row{"sync_id": "r"})}}), one: "stalled 1; " + whole, two: "dead r; " + whole2},
		{name: "soft delete", docs: first(Doc{Observations: []Row{AnObservation("a", "s").With(Row{"deleted_at": D, "updated_at": D})}}), one: "a deleted, updated 2026-11-28; b; p; s(/w/demo)", two: "a deleted, updated 2026-10-02; b; p; s(/w/demo,shared)"},
		{name: "soft delete of what is not there", docs: first(Doc{Observations: []Row{AnObservation("x", "s").With(Row{"deleted_at": D})}}), one: whole, two: whole2},
		{name: "hard delete", docs: first(Doc{Mutations: []Row{Delete("observation", "a", Gone("a"))}}), one: "b; p; s(/w/demo)", two: "b; p; s(/w/demo,shared); †a"},
		{name: "an upsert that says deleted", docs: first(Doc{Mutations: []Row{Upsert("observation", "a", AnObservation("a", "s").With(Row{"deleted": true, "deleted_at": D}))}}), one: whole, two: whole2},
		{name: "the old row of a hard delete, later", docs: first(Doc{Mutations: []Row{Delete("observation", "a", Gone("a"))}}, Doc{Observations: []Row{AnObservation("a", "s")}}), one: whole, two: "stale a; b; p; s(/w/demo,shared); †a"},
		{name: "the old row of a hard delete, later, without a time", docs: first(Doc{Mutations: []Row{Delete("observation", "a", Gone("a"))}}, Doc{Observations: []Row{AnObservation("a", "s").With(Row{"updated_at": "?"})}}), one: whole, two: whole2},
		{name: "prompt delete, then the old row", docs: first(Doc{Mutations: []Row{Delete("prompt", "p", Gone("p"))}}, Doc{Prompts: []Row{APrompt("p", "s")}}), one: "stale p; a; b; s(/w/demo); †p", two: "stale p; a; b; s(/w/demo,shared); †p"},
		{name: "session delete after its observations", docs: first(Doc{Mutations: []Row{Delete("observation", "a", Gone("a")), Delete("observation", "b", Gone("b")), Delete("session", "s", Row{"id": "s", "deleted_at": D})}}), one: "", two: "†a; †b; †s"},
		{name: "session delete while an observation remains", docs: first(Doc{Mutations: []Row{Delete("observation", "a", Gone("a")), Delete("observation", "b", Gone("b").With(Row{"hard_delete": false})), Delete("session", "s", Row{"id": "s", "deleted_at": D})}}), one: "stalled 1; " + whole, two: "stalled 1; " + whole2},
		{name: "older observation over a newer one", docs: first(Doc{Observations: []Row{older}}), one: "a=older; b; p; s(/w/demo)", two: "a=older; b; p; s(/w/demo,shared)"},
		{name: "session row for a known session", docs: first(Doc{Sessions: []Row{ASession("s").With(Row{"directory": "/else"})}}), one: "a; b; p; s(/else)", two: whole2},
		{name: "blank session row for a known session", docs: []any{Doc{Sessions: []Row{Owned("s")}}, Doc{Sessions: []Row{Owned("s").With(Row{"directory": ""})}}}, one: "s", two: "stalled 1; s(/w/demo,project_owned)", tri: "s(/w/demo,project_owned)"},
		{name: "ownership stays", docs: []any{Doc{Sessions: []Row{Owned("s")}}, Doc{Sessions: []Row{ASession("s").With(Row{"project": "other", "ownership_mode": "shared"})}}}, one: "s(/w/demo)", two: "s(/w/demo,project_owned)"},
		{name: "soft-deleted row, then its live row", docs: first(Doc{Observations: []Row{AnObservation("a", "s").With(Row{"deleted_at": D})}}, Doc{Observations: []Row{AnObservation("a", "s")}}), one: whole, two: whole2},
		{name: "session row beside mutations", docs: first(Doc{Sessions: []Row{ASession("lone")}, Mutations: []Row{Delete("prompt", "p", Gone("p"))}}), one: "dropped lone; a; b; s(/w/demo); †p", two: "dropped lone; a; b; s(/w/demo,shared); †p"},
		{name: "a decision without a time", docs: first(Doc{Observations: []Row{AnObservation("x", "s").With(Row{"type": "decision", "created_at": "", "updated_at": ""})}}), one: "a; b; p; s(/w/demo); x", two: "a; b; p; s(/w/demo,shared); x", tri: "stalled 1; " + whole2},
		{name: "two prompts of one place in the inbox", docs: first(Doc{Prompts: []Row{APrompt("q", "s").With(Row{"source_inbox_id": "i"}), APrompt("r", "s").With(Row{"source_inbox_id": "i"})}}), one: "a; b; p; q; r; s(/w/demo)", two: "a; b; p; q; r; s(/w/demo,shared)", tri: "stalled 1; " + whole2},
		{name: "session deleted and made again", docs: []any{
			Doc{Sessions: []Row{ASession("s")}}, Doc{Mutations: []Row{Delete("session", "s", Row{"id": "s", "deleted_at": D}), Upsert("session", "s", ASession("s").With(Row{"started_at": Late}))}},
		}, one: "", two: "†s", tri: "s(/w/demo,shared)"},
		{name: "session deleted, its old row later", docs: []any{
			Doc{Sessions: []Row{ASession("s")}}, Doc{Mutations: []Row{Delete("session", "s", Row{"id": "s", "deleted_at": D})}}, Doc{Sessions: []Row{ASession("s")}, Observations: []Row{AnObservation("a", "s")}},
		}, one: "a; s(/w/demo)", two: "stalled 1; †s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.version == 0 {
				c.version = 2
			}
			for g, want := range map[engram.Generation]string{engram.Gen1: c.one, engram.Gen2: c.two, engram.Gen3: c.tri} {
				if g >= engram.Gen2 && want == "" {
					want = c.two
				}
				if g >= engram.Gen2 && c.two == "" {
					want = c.one
				}
				db := NewDatabase()
				out := Import(g, Dir(c.version, c.docs...), db)
				if diff := cmp.Diff(want, said(out, db)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", g, diff)
				}
				if again := Import(g, Dir(c.version, c.docs...), db); g == engram.Gen1 && out.Exit() == 0 && len(again.Events) > 0 {
					t.Errorf("%s imports it twice: %v", g, again.Events)
				}
			}
		})
	}
}

// TestTheExamples has those of engram-2.md 8.
func TestTheExamples(t *testing.T) {
	manual := []Row{AnObservation("obs-a1", "manual-save-demo"), AnObservation("obs-a2", "manual-save-demo")}
	e1 := Doc{Sessions: []Row{Owned("manual-save-demo")}, Observations: manual}
	e2 := Doc{Mutations: []Row{Delete("observation", "obs-a1", Gone("obs-a1"))}}
	e3 := Doc{Mutations: []Row{Delete("prompt", "prompt-a1", Gone("prompt-a1"))}}
	e4 := Doc{Mutations: []Row{Upsert("relation", "rel-1", ARelation("rel-1", "obs-a1", "obs-a2"))}}
	all := Doc{Mutations: []Row{e2.Mutations[0], Delete("observation", "obs-a2", Gone("obs-a2"))}}
	e7 := Doc{Mutations: []Row{Delete("session", "manual-save-demo", Row{"id": "manual-save-demo", "deleted_at": D})}}
	for _, c := range []struct {
		name     string
		version  int
		docs     []any
		one, two string
	}{
		{"manifest 2 and E1", 2, []any{e1}, "manual-save-demo(/w/demo); obs-a1; obs-a2", "manual-save-demo(/w/demo,project_owned); obs-a1; obs-a2"},
		{"manifest 1 and E1", 1, []any{e1}, "manual-save-demo(/w/demo); obs-a1; obs-a2", "refused"},
		{"E2", 2, []any{e1, e2}, "manual-save-demo(/w/demo); obs-a2", "manual-save-demo(/w/demo,project_owned); obs-a2; †obs-a1"},
		{"E3", 2, []any{e1, Doc{Prompts: []Row{APrompt("prompt-a1", "manual-save-demo")}}, e3}, "manual-save-demo(/w/demo); obs-a1; obs-a2; †prompt-a1", "manual-save-demo(/w/demo,project_owned); obs-a1; obs-a2; †prompt-a1"},
		{"E4", 2, []any{e1, e4}, "manual-save-demo(/w/demo); obs-a1; obs-a2; rel-1", "manual-save-demo(/w/demo,project_owned); obs-a1; obs-a2; rel-1"},
		{"E5", 2, []any{Doc{Observations: []Row{AnObservation("obs-a1", "ghost")}}}, "stub ghost; ghost((recovered-missing-session)); obs-a1", "stub ghost; ghost((recovered-missing-session),shared); obs-a1"},
		{"E6", 2, []any{e1, Doc{Observations: []Row{manual[0].With(Row{"title": "old", "updated_at": Early})}}}, "manual-save-demo(/w/demo); obs-a1=old; obs-a2", "manual-save-demo(/w/demo,project_owned); obs-a1=old; obs-a2"},
		{"E7", 2, []any{e1, Doc{Prompts: []Row{APrompt("prompt-a1", "manual-save-demo")}}, all, e7}, "", "†manual-save-demo; †obs-a1; †obs-a2"},
	} {
		for g, want := range map[engram.Generation]string{engram.Gen1: c.one, engram.Gen2: c.two, engram.Gen3: c.two} {
			db := NewDatabase()
			if diff := cmp.Diff(want, said(Import(g, Dir(c.version, c.docs...), db), db)); diff != "" {
				t.Errorf("%s at %s (-want +got):\n%s", c.name, g, diff)
			}
		}
	}
}

// TestPendingChunks: what is known is not applied again, and what stalls is tried again.
func TestPendingChunks(t *testing.T) {
	relation := Doc{Mutations: []Row{Upsert("relation", "r", ARelation("r", "a", "x"))}}
	db := NewDatabase()
	if out := Import(engram.Gen1, Dir(1, first(relation)...), db); out.Exit() != 1 {
		t.Error("the relation has both ends")
	}
	delete(db.Prompts, "p")
	end := Doc{Observations: []Row{AnObservation("x", "s")}}
	if out := Import(engram.Gen1, Dir(1, first(relation, end)...), db); out.Exit() != 0 {
		t.Errorf("%+v", out)
	}
	if diff := cmp.Diff("a; b; r; s(/w/demo); x", said(Outcome{}, db)); diff != "" {
		t.Errorf("database (-want +got):\n%s", diff)
	}
	// A reader with a session of its own for the project refuses what touches that.
	db = NewDatabase()
	db.Sessions["mine"] = Session{ID: "mine", Project: "demo", Mode: "project_owned"}
	if out := Import(engram.Gen2, Dir(1, first()...), db); out.Refused == nil {
		t.Error("a lowered manifest was imported")
	}
	if out := Import(engram.Gen2, Dir(2, first()...), db); out.Exit() != 0 {
		t.Errorf("%+v", out)
	}
}
