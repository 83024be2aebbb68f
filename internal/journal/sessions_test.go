package journal_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// orphan is a source of one row whose session somebody has to bring.
type orphan struct{ rowsOf }

func (o orphan) Rows(ctx context.Context, after int64) iter.Seq2[journal.Row, error] {
	return func(yield func(journal.Row, error) bool) {
		for row, err := range o.rowsOf.Rows(ctx, after) {
			row.Orphan = "s-1"
			if !yield(row, err) {
				return
			}
		}
	}
}

// Sessions is what everybody knows of the session.
func (orphan) Sessions(context.Context, []string) (map[string]journal.Parent, error) {
	return map[string]journal.Parent{"s-1": {Entry: mutation("session", "s-1", `{"id":"s-1"}`), Stub: true}}, nil
}

// memoryOnly is a place that forgets.
type memoryOnly struct{}

func (memoryOnly) Write(any) error { return nil }

// counting is a place that counts what is written.
type counting int

func (c *counting) Write(any) error { *c++; return nil }

// nobody has a session.
type nobody struct{}

func (nobody) Sessions(context.Context, []string) (map[string]journal.Parent, error) { return nil, nil }

// What the journal had when it was read last is known, until it is another one.
func TestSessionsOfAJournalAreKnown(t *testing.T) {
	source := orphan{rowsOf{mutation("observation", "o-1", `{"session_id":"s-1"}`)}}
	known := &journal.Sessions{Store: memoryOnly{}}
	opts := func(o *journal.PushOptions) { o.Known, o.Parents = known, source }
	w := newWorld(t)
	for range 700 {
		w.append(mutation("prompt", "other", `{}`), "2026-11-22T08:43:00Z")
	}
	r := w.push(t.Context(), source, opts)
	if r.Err != nil || r.AddedRows != 1 || r.Stubs != 1 {
		t.Fatalf("%+v", r)
	}
	if diff := cmp.Diff([]string{"s-1", "o-1"}, w.ours()); diff != "" {
		t.Error(diff)
	}
	w.disk = nil // another source on the same machine
	if r := w.push(t.Context(), source, opts); r.Err != nil || r.AddedRows != 0 || r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	w.disk, w.journal, w.seq = nil, nil, 0 // the server was set up anew
	if r := w.push(t.Context(), source, opts); r.Err != nil || r.AddedRows != 1 {
		t.Errorf("%+v", r)
	}
	// A session that was deleted there is not there.
	gone := engram.MutationEntry{Entity: "session", EntityKey: "s-1", Op: "delete", Payload: []byte(`{}`)}
	w.append(gone, "2026-11-22T08:43:00Z")
	w.disk = nil
	if r := w.push(t.Context(), source, opts); r.Err != nil || r.AddedRows != 1 {
		t.Errorf("%+v", r)
	}
}

// A session that becomes visible behind many later rows is known, as a stub would replace
// what it says; and what is known is written only where there is something new.
func TestALateSessionOfAJournalIsKnown(t *testing.T) {
	source := orphan{rowsOf{mutation("observation", "o-1", `{"session_id":"s-1"}`)}}
	place := new(counting)
	known := &journal.Sessions{Store: place}
	var parents journal.Parents = nobody{}
	opts := func(o *journal.PushOptions) { o.Known, o.Parents = known, parents }
	w := newWorld(t)
	w.most = 100
	for range 1000 {
		w.append(mutation("prompt", "other", `{}`), "2026-11-22T08:43:00Z")
	}
	for range 2 {
		if r := w.push(t.Context(), source, opts); r.Err != nil || r.Orphaned != 1 || *place != 1 {
			t.Fatalf("%d writes, %+v", *place, r)
		}
	}
	late := w.journal[0]
	late.Seq, late.Entity, late.EntityKey, late.Payload = 1, "session", "s-1", []byte(`{"id":"s-1"}`)
	w.journal = append([]engram.PullMutationResult{late}, w.journal...)
	parents = source
	if r := w.push(t.Context(), source, opts); r.Err != nil || r.AddedRows != 0 || r.Sent != 1 {
		t.Errorf("%+v", r)
	}
}

// A journal that is too long for one run is read on by the next one. Until then the
// row waits: a stub would replace a session that is there.
func TestALongJournalIsReadOverSeveralRuns(t *testing.T) {
	source := orphan{rowsOf{mutation("observation", "o-1", `{"session_id":"s-1"}`)}}
	known := &journal.Sessions{Store: memoryOnly{}}
	opts := func(o *journal.PushOptions) { o.Known, o.Parents = known, source }
	w := newWorld(t)
	w.most = 1 // row of a page
	at := time.Date(2026, 11, 22, 8, 43, 0, 0, time.UTC)
	for i := range 1000 {
		w.append(mutation("prompt", "other", `{}`), at.Add(time.Duration(i)*time.Minute).Format(time.RFC3339))
	}
	w.append(mutation("session", "s-1", `{"id":"s-1"}`), at.Add(1000*time.Minute).Format(time.RFC3339))
	for run, waits := range []int64{1, 1, 0} {
		r := w.push(t.Context(), source, opts)
		if r.Err != nil || r.AddedRows != 0 || r.Orphaned != waits || r.Unread != (waits > 0) {
			t.Fatalf("run %d: %+v", run, r)
		}
	}
	if diff := cmp.Diff([]string{"s-1", "o-1"}, w.ours()); diff != "" {
		t.Error(diff)
	}
}
