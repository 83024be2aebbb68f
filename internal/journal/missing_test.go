package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
)

// sessionRows are sessions, each with an observation behind it.
func sessionRows(n int, directory string) rowsOf {
	var rows rowsOf
	for i := range n {
		session := fmt.Sprintf("s-%d", i)
		rows = append(rows,
			mutation("session", session, fmt.Sprintf(`{"id":%q,"directory":%q}`, session, directory)),
			mutation("observation", "o-"+session, fmt.Sprintf(
				`{"sync_id":"o-%s","session_id":%[1]q,"type":"t","title":"t","content":"c","scope":"project"}`, session)))
	}
	return rows
}

// What is known to be refused is mended, or stays here, without asking.
func TestBlankSessionsTakeFewRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.jsonl")
	var text strings.Builder
	for _, e := range sessionRows(1500, "") {
		fmt.Fprintf(&text, `{"entity":%q,"entity_key":%q,"op":"upsert","payload":%s}`+"\n", e.Entity, e.EntityKey, e.Payload)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, strict := range []bool{false, true} {
		file, err := source.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }() // only read
		w := newWorld(t)
		r := w.push(t.Context(), source.ForProject(file, "demo", source.Options{Strict: strict}), total(3000))
		want := journal.PushResult{Sent: 3000, MendedRows: 1500}
		if strict {
			want = journal.PushResult{Rejected: 1500, Deferred: 1500}
		}
		if r.Err != nil || r.Sent != want.Sent || r.MendedRows != want.MendedRows || r.Rejected != want.Rejected || r.Deferred != want.Deferred {
			t.Errorf("strict %v: sent %d, mended %d, rejected %d, deferred %d (%v)", strict, r.Sent, r.MendedRows, r.Rejected, r.Deferred, r.Err)
		}
		if asked := w.pushes + w.pulls; asked > 60 {
			t.Errorf("strict %v: %d requests for 3,000 rows", strict, asked)
		}
	}
}

// What only the server knows to be wrong is searched for; no memory goes without its
// session all the same, and every run says what is not there.
func TestNoMemoryWithoutItsSession(t *testing.T) {
	w := newWorld(t)
	w.refuse = func(e engram.MutationEntry) error {
		if e.Entity == "session" && strings.HasSuffix(e.EntityKey, "7") {
			return &engram.ContentError{Err: errors.New("SQLSTATE 22P05")}
		}
		return nil
	}
	rows := sessionRows(150, "/w")
	rows = append(rows,
		mutation("session", "s-7", `{"id":"s-7","directory":"/again"}`), // refused once more
		mutation("observation", "late", `{"sync_id":"late","session_id":"s-7"}`),
		engram.MutationEntry{Entity: "observation", EntityKey: "o-s-7", Op: "delete", Payload: []byte(`{"sync_id":"o-s-7"}`)},
	)
	r := w.push(t.Context(), rows, total(len(rows)))
	if r.Err != nil || r.Rejected != 16 || r.Dependent != 16 || r.Deferred != 16 || r.Remaining != 0 {
		t.Errorf("%+v", r)
	}
	seen := map[string]bool{}
	for _, row := range w.journal {
		seen[row.EntityKey] = true
		if session := row.Entry().Scope().Session; session != "" && !seen[session] {
			t.Errorf("%s is without its session %s", row.EntityKey, session)
		}
	}
	pushes := w.pushes
	again := w.push(t.Context(), rows, total(16))
	if again.Err != nil || again.Standing != 16 || again.Rejected != 0 || again.Dependent != 16 || w.pushes != pushes {
		t.Errorf("again: %+v, %d requests", again, w.pushes-pushes)
	}

	// Somebody else brings one of them; the journal knows.
	w.append(mutation("session", "s-17", `{"id":"s-17","directory":"/elsewhere"}`), "then")
	all := w.push(t.Context(), rows, reconcile, total(len(rows)))
	if all.Err != nil || all.Sent != 1 || all.Rejected != 16 || all.Dependent != 15 {
		t.Errorf("reconciled: %+v", all)
	}

	// Who has dealt with them says so.
	accepted := w.push(t.Context(), rows, func(o *journal.PushOptions) { o.Accept = true })
	if accepted.Err != nil || accepted.Accepted != 31 || accepted.Standing+accepted.Rejected+accepted.Deferred != 0 {
		t.Errorf("accepted: %+v", accepted)
	}
	rows = append(rows, mutation("observation", "later", `{"sync_id":"later","session_id":"s-7"}`))
	if more := w.push(t.Context(), rows, total(1)); more.Dependent != 1 || more.Accepted != 31 || more.Sent != 0 {
		t.Errorf("a new one: %+v", more)
	}
}

// A session that is there already needs no second row.
func TestSessionThatIsThereInAnotherVersion(t *testing.T) {
	w := newWorld(t)
	rows := sessionRows(1, "/w")
	if r := w.push(t.Context(), rows); r.Sent != 2 {
		t.Fatalf("%+v", r)
	}
	w.refuse = func(e engram.MutationEntry) error {
		if strings.Contains(string(e.Payload), "bad") {
			return &engram.ContentError{Err: errors.New("SQLSTATE 22P05")}
		}
		return nil
	}
	rows = append(rows, mutation("session", "s-0", `{"id":"s-0","directory":"bad"}`), mutation("observation", "o-2", `{"session_id":"s-0"}`))
	if r := w.push(t.Context(), rows, total(2)); r.Sent != 1 || r.Rejected != 1 || r.Dependent != 0 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([]string{"s-0", "o-s-0", "o-2"}, w.ours()); diff != "" {
		t.Error(diff)
	}
}
