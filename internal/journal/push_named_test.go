package journal_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// A server that names the rows which it does not take is believed, but not for ever:
// each row is rejected for what it is, and the others arrive.
func TestRowsThatTheServerNames(t *testing.T) {
	all := func(bad []int) map[int]string {
		named := map[int]string{}
		for _, i := range bad {
			named[i] = "payload"
		}
		return named
	}
	var every []int
	for i := range 40 {
		every = append(every, i+1)
	}
	for name, tc := range map[string]struct {
		bad   []int // by number
		lists func(bad []int) map[int]string
		most  int // requests
	}{
		"all of them at once":     {[]int{3, 17, 40}, all, 2},
		"one of them alone":       {[]int{40}, all, 2},
		"every row there is":      {every, all, 1},
		"none":                    {[]int{3}, func([]int) map[int]string { return map[int]string{} }, 12},
		"one more with each list": {[]int{3, 17, 40}, func(bad []int) map[int]string { return all(bad[:1]) }, 16},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rows := changes(40)
			var without []string
			for _, n := range tc.bad {
				without = append(without, rows[n-1].EntityKey)
			}
			w.refuse = func(e engram.MutationEntry) error {
				if slices.Contains(without, e.EntityKey) {
					return &engram.ContentError{Err: errors.New("refused")}
				}
				return nil
			}
			w.lists = tc.lists
			r := w.push(t.Context(), rows)
			if r.Err != nil || int(r.Rejected) != len(tc.bad) || w.pushes > tc.most {
				t.Errorf("%d rejected in %d requests: %v", r.Rejected, w.pushes, r.Err)
			}
			w.wantRows(rows, without...)
			if again := w.push(t.Context(), rows); int(again.Standing) != len(tc.bad) || again.Sent != 0 {
				t.Errorf("the next run: %+v", again)
			}
		})
	}
}

// What needs a row that was named waits, and what does not goes on.
func TestWhatNeedsANamedRowWaits(t *testing.T) {
	w := newWorld(t)
	rows := rowsOf{
		mutation("session", "s-1", `{"id":"s-1"}`), mutation("observation", "o-1", `{"session_id":"s-1"}`),
		mutation("session", "s-2", `{"id":"s-2"}`), mutation("observation", "o-2", `{"session_id":"s-2"}`),
	}
	w.refuse = func(e engram.MutationEntry) error {
		if e.EntityKey == "s-1" {
			return &engram.ContentError{Err: errors.New("refused")}
		}
		return nil
	}
	w.lists = func(bad []int) map[int]string { return map[int]string{bad[0]: ""} }
	r := w.push(t.Context(), rows)
	if r.Err != nil || r.Rejected != 1 || r.Dependent != 1 || w.pushes != 2 {
		t.Errorf("%+v in %d requests", r, w.pushes)
	}
	if diff := cmp.Diff([]string{"s-2", "o-2"}, w.ours()); diff != "" {
		t.Error(diff)
	}
}

// A run that ends after the server has named a row, and before the others have gone,
// leaves those to the next run: also those that lie before the named one.
func TestTheOthersOfANamedRowOutliveTheRun(t *testing.T) {
	w := newWorld(t)
	rows := changes(5)
	down := errors.New("the server is down")
	w.lists = func(bad []int) map[int]string { return map[int]string{bad[0]: "payload"} }
	w.refuse = func(e engram.MutationEntry) error {
		if w.pushes == 2 {
			w.lists = nil
			return down
		}
		if e.EntityKey == "obs-3" {
			return &engram.ContentError{Err: errors.New("refused")}
		}
		return nil
	}
	if r := w.push(t.Context(), rows); !errors.Is(r.Err, down) || r.Rejected != 1 {
		t.Fatalf("%+v", r)
	}
	if r := w.push(t.Context(), rows); r.Err != nil || r.Sent != 4 || r.Deferred != 0 {
		t.Errorf("%+v", r)
	}
	w.wantRows(rows, "obs-3")
}
