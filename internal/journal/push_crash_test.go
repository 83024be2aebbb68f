package journal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// TestKilledAnywhere kills the process at each of its steps, before and after
// each write to the disk and each batch, and once more at each step of the run
// after that. The last run completes the work: every row is there once, in order.
func TestKilledAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine works for long: the race detector learns nothing from it")
	}
	for _, ordered := range []bool{false, true} {
		steps := 0
		for first := 1; first == 1 || first <= steps; first++ {
			for _, second := range []int{0, 3, 7} {
				t.Run(fmt.Sprintf("ordered %v, step %d, then %d", ordered, first, second), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t)
						w.others, w.ordered = true, ordered
						w.refuse = refuseKey("obs-150")
						killedRuns(t, w, first, second)
						if first == 1 {
							steps = w.steps
						}
					})
				})
			}
		}
		if steps < 20 {
			t.Errorf("only %d steps", steps)
		}
	}
}

func killedRuns(t *testing.T, w *world, kills ...int) {
	rows := changes(250)
	for _, kill := range kills {
		if kill > 0 {
			w.steps, w.killAt = 0, kill
			w.push(t.Context(), rows)
		}
	}
	w.steps, w.killAt = 0, 0
	if r := w.push(t.Context(), rows); r.Err != nil {
		t.Errorf("the last run: %+v", r)
	}
	w.wantRows(rows, "obs-150")
	if diff := cmp.Diff([]int64{150}, w.rejected); diff != "" {
		t.Error(diff)
	}
}

// TestKilledWhilePaused is the same with rows that have to wait, some of which
// may go in the last run.
func TestKilledWhilePaused(t *testing.T) {
	rows := mixed(152)
	steps := 0
	for first := 1; first == 1 || first <= steps; first++ {
		for second := 0; second <= 12; second += 3 {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				paused := map[string]bool{"P": true}
				w.refuse = pause(paused)
				if first > 1 {
					w.killAt = first
				}
				w.push(t.Context(), rows)
				steps = max(steps, w.steps)
				delete(paused, "P")
				w.steps, w.killAt = 0, second
				w.push(t.Context(), rows)
				w.killAt = 0
				if r := w.push(t.Context(), rows); r.Err != nil || r.Deferred != 0 {
					t.Errorf("the last run: %+v", r)
				}
				wantEachOnce(t, w, rows)
			})
		}
	}
}

// mixed are rows of the projects P and Q in turn.
func mixed(n int) rowsOf {
	rows := make(rowsOf, n)
	for i := range rows {
		project := string("PQP"[i%3])
		rows[i] = mutation("observation", fmt.Sprintf("%s-%d", project, i), fmt.Sprintf(`{"n":%d,"project":%q}`, i, project))
	}
	return rows
}

// TestServerDownAtAnyPush: a run that ends early, with rows that wait and rows
// that were not tried, leaves none of them behind; and as it is certain what
// was stored, the next one has nothing to wait for.
func TestServerDownAtAnyPush(t *testing.T) {
	rows := mixed(700)
	for n := range 8 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			paused := map[string]bool{"P": true}
			down := errors.New("the server is down")
			w.refuse = func(e engram.MutationEntry) error {
				if w.pushes == n {
					return down
				}
				return pause(paused)(e)
			}
			w.push(t.Context(), rows)
			n = -1
			delete(paused, "P")
			start := time.Now()
			if r := w.push(t.Context(), rows); r.Err != nil || r.Deferred != 0 {
				t.Errorf("the last run: %+v", r)
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("the last run waited %v", took)
			}
			wantEachOnce(t, w, rows)
		})
	}
}

// wantEachOnce checks that all rows arrived, and those of each project in order.
func wantEachOnce(t *testing.T, w *world, rows rowsOf) {
	t.Helper()
	for _, project := range []byte("PQ") {
		var want, got []string
		for _, e := range rows {
			if e.EntityKey[0] == project {
				want = append(want, e.EntityKey)
			}
		}
		for _, key := range w.ours() {
			if key[0] == project {
				got = append(got, key)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("project %c (-want +got):\n%s", project, firstLines(diff))
		}
	}
}

// TestKilledWhileReconciling: positions of such a run mean nothing to the next.
func TestKilledWhileReconciling(t *testing.T) {
	for kill := 1; kill < 30; kill++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			some := append(changes(130), changes(1)...)
			if r := w.push(t.Context(), some); r.Err != nil {
				t.Fatal(r.Err)
			}
			w.disk = nil
			rows := append(rowsOf{}, some...)
			for i := range 130 { // which comes before what is there
				rows = slices.Insert(rows, i, mutation("prompt", fmt.Sprintf("new-%d", i), "{}"))
			}
			w.steps, w.killAt = 0, kill
			w.push(t.Context(), rows, reconcile)
			w.killAt = 0
			if r := w.push(t.Context(), rows, func(o *journal.PushOptions) { o.Reconcile = w.disk == nil }); r.Err != nil {
				t.Errorf("killed at %d: %+v", kill, r)
			}
			w.wantRows(append(some, rows[:130]...))
		})
	}
}

// TestKilledBeforeALateCommit: the process dies while its batch is under way,
// and the server stores it after the next run has begun.
func TestKilledBeforeALateCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.faults[2] = late
		rows := changes(250)
		w.killAt = 8 // right after the second batch went out
		w.push(t.Context(), rows)
		if w.pushes != 2 {
			t.Fatalf("it was killed after %d pushes", w.pushes)
		}
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
		w.killAt = 0
		if r := w.push(t.Context(), rows); r.Err != nil {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock
		w.wantRows(rows)
	})
}

// TestClockSetBack: the machine's clock was wrong when the batch was sent, and
// has been put right since. The next run does not wait for the old time.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.faults[2] = lostBefore
		rows := changes(250)
		w.killAt = 8
		w.push(t.Context(), rows)
		job := w.job(rows)
		if job.Intent == nil {
			t.Fatal("no batch is open")
		}
		job.Intent.SentAt = time.Now().Add(24 * time.Hour).Unix()
		w.killAt = 0
		if err := w.Write(job); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if r := w.push(ctx, rows); r.Err != nil {
			t.Errorf("%+v", r)
		}
		w.wantRows(rows)
	})
}
