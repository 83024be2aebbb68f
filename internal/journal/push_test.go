package journal_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

func TestPushedInOrderOnce(t *testing.T) {
	w := newWorld(t)
	w.others = true
	rows := changes(251)
	r := w.push(t.Context(), rows)
	if r.Err != nil || r.Sent != 251 || r.Batches != 3 || r.LastSeq != w.seq {
		t.Errorf("result %+v", r)
	}
	w.wantRows(rows)

	w.pushes, w.pulls = 0, 0
	if r := w.push(t.Context(), rows); r.Err != nil || r.Sent != 0 {
		t.Errorf("again: %+v", r)
	}
	if w.pushes+w.pulls != 0 {
		t.Errorf("nothing to do cost %d requests", w.pushes+w.pulls)
	}

	rows = changes(260)
	if r := w.push(t.Context(), rows); r.Err != nil || r.Sent != 9 {
		t.Errorf("grown: %+v", r)
	}
	w.wantRows(rows)
}

// A batch is bounded by its bytes too; what is larger goes alone.
func TestBatchesAreSmall(t *testing.T) {
	w := newWorld(t)
	rows := changes(5)
	for i, size := range []int{400 << 10, 500 << 10, 500 << 10, 2 << 20, 10} {
		rows[i].Payload = []byte(`{"a":"` + strings.Repeat("x", size) + `"}`)
	}
	if r := w.push(t.Context(), rows); r.Err != nil || r.Batches != 4 {
		t.Errorf("%d batches (%v), want 4", r.Batches, r.Err)
	}
	w.wantRows(rows)
}

// Our own server takes more rows at once. The batches are the same ones where a run was
// stopped and the next one goes on, so that it knows them by their keys.
func TestBatchesToOwnServer(t *testing.T) {
	rows := changes(2250)
	whole, stopped := newWorld(t), newWorld(t)
	whole.ordered, stopped.ordered = true, true
	if r := whole.push(t.Context(), rows); r.Err != nil || r.Batches != 3 {
		t.Errorf("%d batches (%v), want 3", r.Batches, r.Err)
	}
	down := errors.New("the server is down")
	stopped.refuse = func(engram.MutationEntry) error {
		if stopped.pushes == 2 {
			return down
		}
		return nil
	}
	if r := stopped.push(t.Context(), rows); !errors.Is(r.Err, down) || r.Sent != 1000 {
		t.Errorf("%+v", r)
	}
	if r := stopped.push(t.Context(), rows); r.Err != nil || r.Sent != 1250 {
		t.Errorf("the next run: %+v", r)
	}
	stopped.wantRows(rows)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(whole.keys)), slices.Sorted(maps.Keys(stopped.keys))); diff != "" {
		t.Error(diff)
	}
}

// Whatever happens to the answers: the rows are there once, and in order.
func TestLostAnswers(t *testing.T) {
	for name, f := range map[string]fault{"after": lostAfter, "late": late, "done after": doneAfter, "done before": doneBefore} {
		for _, ordered := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.others, w.ordered = true, ordered
					w.faults[2] = f
					rows := changes(250)
					if ordered {
						rows = changes(2500) // in as many batches
					}
					if r := w.push(t.Context(), rows); r.Err != nil || r.Sent != int64(len(rows)) || r.Batches != 3 {
						t.Errorf("%+v", r)
					}
					time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock: what was late has come by then
					w.wantRows(rows)
				})
			})
		}
	}
}

// Who refuses on the way may have refused the answer: the next run looks before it sends
// the batch again.
func TestAnswerRefusedOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.faults[2] = deniedAfter
		rows := changes(250)
		if r := w.push(t.Context(), rows); r.Err == nil || r.Sent != 100 {
			t.Errorf("%+v", r)
		}
		if r := w.push(t.Context(), rows); r.Err != nil || r.Sent != 150 {
			t.Errorf("the next run: %+v", r)
		}
		w.wantRows(rows)
	})
}

// A batch that was lost on the way there is sent again, but only when it is
// certain that it will not arrive any more.
func TestLostRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.faults[2] = lostBefore
		rows := changes(250)
		start := time.Now()
		r := w.push(t.Context(), rows)
		if !errors.Is(r.Err, engram.ErrOutcomeUnknown) || r.Sent != 100 {
			t.Errorf("%+v", r)
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("looked for %v, want 30s", took)
		}
		r = w.push(t.Context(), rows)
		if r.Err != nil || r.Sent != 150 {
			t.Errorf("the next run: %+v", r)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it was sent again after %v, want 1m", took)
		}
		w.wantRows(rows)
	})
}

// Our own server knows a key that it has seen, so that there is nothing to wait for.
func TestLostRequestToOwnServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ordered = true
		w.faults[2] = lostBefore
		rows := changes(2500)
		start := time.Now()
		if r := w.push(t.Context(), rows); r.Err != nil || r.Sent != 2500 {
			t.Errorf("%+v", r)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		w.wantRows(rows)
	})
}

// A server that keeps saying that it failed is not asked for ever.
func TestServerThatKeepsFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.faults[1], w.faults[2], w.faults[3] = doneBefore, doneBefore, doneBefore
		rows := changes(3)
		r := w.push(t.Context(), rows)
		var unstored *journal.UnstoredError
		if !errors.As(r.Err, &unstored) || errors.Is(r.Err, engram.ErrOutcomeUnknown) || w.pushes != 3 {
			t.Errorf("%+v after %d pushes", r, w.pushes)
		}
		if r := w.push(t.Context(), rows); r.Err != nil {
			t.Errorf("the next run: %+v", r)
		}
		w.wantRows(rows)
	})
}

// The refused row is found by halving; the others arrive, in order.
func TestPoisonedRow(t *testing.T) {
	for _, poison := range []string{"obs-1", "obs-37", "obs-100", "obs-1000"} {
		w := newWorld(t)
		w.refuse = refuseKey(poison)
		rows := changes(1000)
		r := w.push(t.Context(), rows)
		if r.Err != nil || r.Sent != 999 || r.Rejected != 1 || len(r.Failed) != 1 {
			t.Errorf("%s: %+v", poison, r)
		}
		w.wantRows(rows, poison)
		if len(w.rejected) != 1 || rows[w.rejected[0]-1].EntityKey != poison {
			t.Errorf("%s: rejected lines %v", poison, w.rejected)
		}
		if r := w.push(t.Context(), rows); r.Err != nil || r.Rejected != 0 {
			t.Errorf("%s: again: %+v", poison, r)
		}
	}
}

func refuseKey(key string) func(engram.MutationEntry) error {
	return func(e engram.MutationEntry) error {
		if e.EntityKey == key {
			return &engram.ContentError{Err: errors.New("SQLSTATE 22P05")}
		}
		return nil
	}
}

func TestBatchTooLarge(t *testing.T) {
	w := newWorld(t)
	w.limit = 7
	rows := changes(100)
	if r := w.push(t.Context(), rows); r.Err != nil || r.Sent != 100 {
		t.Errorf("%+v", r)
	}
	w.wantRows(rows)

	w = newWorld(t)
	w.refuse = func(e engram.MutationEntry) error {
		if e.EntityKey == "obs-2" {
			return &engram.BatchTooLargeError{Limit: 10 << 20}
		}
		return nil
	}
	if r := w.push(t.Context(), changes(4)); r.Err != nil || r.Sent != 3 || r.Rejected != 1 {
		t.Errorf("one row that is too large: %+v", r)
	}
	w.wantRows(changes(4), "obs-2")
}

// projectRows are rows of two projects: what belongs to P in any way has to
// wait while P is paused.
func projectRows() rowsOf {
	rows := rowsOf{
		mutation("session", "s-P", `{"id":"s-P","project":"P"}`),
		mutation("session", "s-Q", `{"id":"s-Q","project":"Q"}`),
		mutation("observation", "o-P", `{"session_id":"s-P","project":" P "}`),
		mutation("observation", "o-Q", `{"session_id":"s-Q","project":"Q"}`),
		mutation("observation", "o-S", `{"session_id":"s-P"}`),
		mutation("observation", "o-P", `{"session_id":"","deleted":true}`),
		mutation("observation", "o-Q", `{"session_id":"","deleted":true}`),
	}
	rows[5].Op, rows[6].Op = "delete", "delete"
	return rows
}

func pause(projects map[string]bool) func(engram.MutationEntry) error {
	return func(e engram.MutationEntry) error {
		if project := e.Scope().Project; projects[project] {
			return &engram.PausedError{Project: project, Err: errors.New("paused")}
		}
		return nil
	}
}

func TestPausedProject(t *testing.T) {
	w := newWorld(t)
	paused := map[string]bool{"P": true}
	w.refuse = pause(paused)
	rows := projectRows()
	r := w.push(t.Context(), rows)
	if r.Err != nil || r.Sent != 3 || r.Deferred != 4 || r.Paused["P"] != 4 {
		t.Errorf("%+v", r)
	}
	want := []string{"s-Q", "o-Q", "o-Q"}
	if diff := cmp.Diff(want, w.ours()); diff != "" {
		t.Error(diff)
	}

	// While it stays so, new rows of the project wait too, the others don't.
	rows = append(rows, mutation("observation", "o-P2", `{"session_id":"s-P","project":"P"}`),
		mutation("observation", "o-Q2", `{"session_id":"s-Q","project":"Q"}`))
	r = w.push(t.Context(), rows)
	if r.Err != nil || r.Sent != 1 || r.Deferred != 5 {
		t.Errorf("still paused: %+v", r)
	}

	delete(paused, "P")
	r = w.push(t.Context(), rows)
	if r.Err != nil || r.Sent != 5 || r.Deferred != 0 {
		t.Errorf("no longer paused: %+v", r)
	}
	want = append(want, "o-Q2", "s-P", "o-P", "o-S", "o-P", "o-P2")
	if diff := cmp.Diff(want, w.ours()); diff != "" {
		t.Error(diff)
	}
}

// A server may call the project by another name, or not at all.
func TestPausedProjectByAnotherName(t *testing.T) {
	for _, name := range []string{"", "p"} {
		w := newWorld(t)
		w.refuse = func(e engram.MutationEntry) error {
			if e.Scope().Project == "P" {
				return &engram.PausedError{Project: name, Err: errors.New("paused")}
			}
			return nil
		}
		if r := w.push(t.Context(), projectRows()); r.Err != nil || r.Sent != 3 || r.Deferred != 4 {
			t.Errorf("%q: %+v", name, r)
		}
	}
}

// What CI lost, the journal knows: only what is missing is sent.
func TestReconcile(t *testing.T) {
	w := newWorld(t)
	w.others = true
	first := append(changes(120), changes(3)...) // three rows are there twice
	if r := w.push(t.Context(), first); r.Err != nil {
		t.Fatal(r.Err)
	}
	w.disk = nil
	rows := append(append(rowsOf{}, first...), changes(4)...)
	r := w.push(t.Context(), rows, reconcile)
	if r.Err != nil || r.Present != 123 || r.Sent != 4 {
		t.Errorf("%+v", r)
	}
	w.wantRows(rows)
	if r := w.push(t.Context(), rows); r.Err != nil || r.Sent != 0 {
		t.Errorf("again: %+v", r)
	}
}

func reconcile(o *journal.PushOptions) { o.Reconcile = true }

// The last number of a server that was restored from a backup is below the one
// that is remembered: looking above that would find nothing.
func TestRestoredServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if r := w.push(t.Context(), changes(100)); r.Err != nil {
			t.Fatal(r.Err)
		}
		w.journal, w.seq = w.journal[:10], w.journal[9].Seq
		w.faults[2] = lostAfter
		if r := w.push(t.Context(), changes(110)); r.Err != nil || r.Sent != 10 {
			t.Errorf("%+v", r)
		}
	})
}

// Somebody presses Ctrl-C while a batch is under way: one more look, and not a
// long one.
func TestInterruptedPush(t *testing.T) {
	for name, f := range map[string]fault{"stored": lostAfter, "not stored": lostBefore} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.faults[1] = f
				ctx, cancel := context.WithCancelCause(t.Context())
				stop := errors.New("interrupted")
				w.refuse = func(engram.MutationEntry) error { cancel(stop); return nil }
				start := time.Now()
				r := w.push(ctx, changes(150))
				if !errors.Is(r.Err, stop) || errors.Is(r.Err, engram.ErrOutcomeUnknown) != (f == lostBefore) {
					t.Errorf("%+v", r)
				}
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("it took %v to stop", took)
				}
				w.refuse = nil
				if r := w.push(t.Context(), changes(150)); r.Err != nil {
					t.Errorf("the next run: %+v", r)
				}
				w.wantRows(changes(150))
			})
		})
	}
}

func TestAnotherSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.faults[1] = lostBefore
		if r := w.push(t.Context(), changes(5)); !errors.Is(r.Err, engram.ErrOutcomeUnknown) {
			t.Fatal(r.Err)
		}
		other := changes(5)
		other[4].Op = "delete"
		for name, rows := range map[string]rowsOf{"changed": other, "shorter": changes(3)} {
			if r := w.push(t.Context(), rows); !errors.Is(r.Err, journal.ErrOtherSource) {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if r := w.push(t.Context(), other, reconcile); r.Err != nil || r.Sent != 5 {
			t.Errorf("reconciled: %+v", r)
		}
	})
}

// Rows that are not sent move the position only together with those before them.
func TestBadRowBehindAnUnsentBatch(t *testing.T) {
	w := newWorld(t)
	rows := append(changes(2), mutation("bad", "bad", "{}"))
	down := errors.New("the server is down")
	w.refuse = func(engram.MutationEntry) error { return down }
	if r := w.push(t.Context(), rows, total(3)); !errors.Is(r.Err, down) || r.Remaining != 2 {
		t.Errorf("%+v", r)
	}
	w.refuse = nil
	if r := w.push(t.Context(), rows, total(3)); r.Err != nil || r.Sent != 2 || r.Rejected != 1 || r.Remaining != 0 {
		t.Errorf("%+v", r)
	}
	w.wantRows(changes(2))
	if diff := cmp.Diff([]int64{3}, w.rejected); diff != "" {
		t.Error(diff)
	}
}

func total(n int) func(*journal.PushOptions) {
	return func(o *journal.PushOptions) { o.Total = n }
}

// A batch that may be under way stays remembered, although a later attempt
// certainly failed: our own server knows it by its key alone.
func TestSentAgainUnderItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ordered = true
		w.faults[1] = late
		down := errors.New("the server is down")
		w.refuse = func(engram.MutationEntry) error {
			if w.pushes == 2 {
				return down
			}
			return nil
		}
		if r := w.push(t.Context(), changes(5)); !errors.Is(r.Err, down) {
			t.Errorf("%+v", r)
		}
		if r := w.push(t.Context(), changes(8)); r.Err != nil {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock: what was late has come by then
		w.wantRows(changes(8))
	})
}

// Others may write the same rows. They are not ours unless they came in one
// transaction.
func TestRowsOfOthersThatLookLikeOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.faults[1] = lostBefore
		rows := changes(2)
		w.refuse = func(e engram.MutationEntry) error {
			w.append(e, "2026-11-22T09:00:0"+string(e.EntityKey[4])+"Z")
			return nil
		}
		if r := w.push(t.Context(), rows); !errors.Is(r.Err, engram.ErrOutcomeUnknown) {
			t.Errorf("%+v", r)
		}
	})
}

// TestReconcileWithLeftOutRows: a row that engram itself has sent is in the
// journal for its own sake, and not for a later one that says the same.
func TestReconcileWithLeftOutRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		row, gone := mutation("observation", "obs-1", `{"n":1}`), mutation("observation", "obs-1", `{"n":2}`)
		w.append(row, "2026-11-22T08:43:00Z")
		source := leftOut{rowsOf{row, gone, row}, 1}
		r := w.push(t.Context(), source, func(o *journal.PushOptions) { o.Reconcile = true })
		if r.Err != nil || r.Sent != 2 || r.Skipped != 1 {
			t.Errorf("%+v", r)
		}
		w.wantRows(rowsOf{row, gone, row})
	})
}

// leftOut are rows of which the first few are not for sending.
type leftOut struct {
	rowsOf
	first int64
}

func (l leftOut) Rows(ctx context.Context, after int64) iter.Seq2[journal.Row, error] {
	return func(yield func(journal.Row, error) bool) {
		for row, err := range l.rowsOf.Rows(ctx, after) {
			row.Skip = row.Position <= l.first
			if !yield(row, err) {
				return
			}
		}
	}
}
