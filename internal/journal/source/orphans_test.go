package source_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/journal/source"
)

// A row whose session no row before it brings says so, and what brings it is what somebody
// knows of it: whoever knows most of all, a row of another project, or nobody.
func TestOrphansAndTheirSessions(t *testing.T) {
	observation := func(key, session, more string) string {
		return `{"entity":"observation","entity_key":"` + key + `","op":"upsert","payload":{"sync_id":"` + key + `","session_id":"` + session + `","type":"t","title":"t","content":"c","scope":"project"` + more + `}}` + "\n"
	}
	session := func(id, more string) string {
		return `{"entity":"session","entity_key":"` + id + `","op":"upsert","payload":{"id":"` + id + `"` + more + `}}` + "\n"
	}
	text := session("own", `,"directory":"/w"`) +
		observation("o-2", "own", "") +
		observation("o-3", "gone", `,"created_at":"2026-10-02T00:00:00Z"`) +
		observation("o-4", "gone", `,"created_at":"2026-10-01 23:00:00"`) +
		session("theirs", `,"project":"other","directory":"/t"`) +
		observation("o-6", "theirs", `,"project":"repo"`) +
		observation("o-7", "known", "") +
		observation("o-8", "later", "") + session("later", `,"directory":"/w"`) +
		`{"entity":"session","entity_key":"own","op":"delete","payload":{"id":"own"}}` + "\n" + observation("o-11", "own", "") +
		observation("o-12", "personal", `,"scope":"personal"`)
	asked := func(_ context.Context, ids []string) (map[string]json.RawMessage, error) {
		if strings.Contains(strings.Join(ids, " "), "later") {
			t.Error("somebody was asked for what a later row brings")
		}
		return map[string]json.RawMessage{"known": json.RawMessage(`{"id":"known","project":"Repo","directory":"","x":1.50}`)}, nil
	}
	for _, strict := range []bool{false, true} {
		p := source.ForProject(open(t, text), "repo", source.Options{Strict: strict, Sessions: asked})
		orphans := map[int64]string{}
		for row, err := range p.Rows(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if row.Orphan != "" {
				orphans[row.Position] = row.Orphan
			}
		}
		want := map[int64]string{3: "gone", 4: "gone", 6: "theirs", 7: "known", 8: "later", 11: "own"}
		if diff := cmp.Diff(want, orphans); diff != "" {
			t.Error(diff)
		}
		parents, err := p.Sessions(t.Context(), []string{"gone", "theirs", "known", "later"})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for id, parent := range parents {
			got[id] = string(parent.Entry.Payload)
			if parent.Stub != (id == "gone") || parent.Entry.Project != "repo" {
				t.Errorf("%s is %+v", id, parent)
			}
		}
		sent := map[string]string{
			"gone":   `{"id":"gone","project":"repo","directory":"unknown","started_at":"2026-10-01 23:00:00"}`,
			"theirs": `{"directory":"/t","id":"theirs","project":"repo"}`,
			"known":  `{"directory":"unknown","id":"known","project":"Repo","x":1.50}`,
		}
		if strict { // neither a stub, nor a blank
			delete(sent, "gone")
			delete(sent, "known")
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Errorf("strict %t: %s", strict, diff)
		}
	}
}
