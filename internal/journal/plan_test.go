package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
)

// A plan says what the run after it does, by every rule and after every other run, and
// touches nothing.
func TestPlanSaysWhatPushDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.jsonl")
	var text strings.Builder
	for i, e := range append(sessionRows(130, ""), sessionRows(140, "/w")[260:]...) { // ten sessions are good
		fmt.Fprintf(&text, `{"entity":%q,"entity_key":%q,"op":"upsert","payload":%s}`+"\n", e.Entity, e.EntityKey, e.Payload)
		if i == 259 {
			text.WriteString(`{"entity":"observation","entity_key":"o","op":"upsert","payload":{"sync_id":"o","session_id":"s-135"}}` + "\n")
		}
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := source.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // only read
	w := newWorld(t)
	for i, run := range []struct{ strict, reconcile bool }{{strict: true}, {strict: true}, {reconcile: true, strict: true}, {}, {strict: true}, {}, {reconcile: true}} {
		src := source.ForProject(file, "demo", source.Options{Strict: run.strict})
		disk, pulls := string(w.disk), w.pulls
		plan, err := journal.Plan(t.Context(), w, src, w.job(src), journal.PushOptions{Reconcile: run.reconcile})
		if err != nil || string(w.disk) != disk || !run.reconcile && w.pulls != pulls {
			t.Errorf("run %d: %v, %d requests, or something was kept", i, err, w.pulls-pulls)
		}
		r := w.push(t.Context(), src, total(1000), func(o *journal.PushOptions) { o.Reconcile = run.reconcile })
		counts := func(r journal.PushResult, sent int64) string {
			return fmt.Sprint(sent, r.Present, r.Rejected, r.Standing, r.Deferred, r.Dependent, r.MendedRows, len(r.Failed))
		}
		if got, want := counts(plan, plan.Remaining+plan.Retried), counts(r, r.Sent); r.Err != nil || got != want {
			t.Errorf("run %d: planned %s, did %s (%v)", i, got, want, r.Err)
		}
	}
}
