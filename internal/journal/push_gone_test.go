package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// shrinking is a source from which rows have gone, and that sets others aside.
type shrinking struct {
	rowsOf
	gone, aside []int64
}

func (s *shrinking) Rows(ctx context.Context, after int64) iter.Seq2[journal.Row, error] {
	return func(yield func(journal.Row, error) bool) {
		for row, err := range s.rowsOf.Rows(ctx, after) {
			if slices.Contains(s.aside, row.Position) {
				row.SetAside = "quarantined"
			}
			if !slices.Contains(s.gone, row.Position) && !yield(row, err) {
				return
			}
		}
	}
}

func rowsGo(o *journal.PushOptions) { o.RowsGo = true }

// A rejected row that is gone from the source does not stand any more.
func TestRowsThatGoAreForgotten(t *testing.T) {
	w := newWorld(t)
	source := &shrinking{rowsOf: changes(5), aside: []int64{4}}
	w.refuse = func(e engram.MutationEntry) error {
		if e.EntityKey == "obs-2" || e.EntityKey == "obs-3" {
			return &engram.ContentError{Err: errors.New("refused")}
		}
		return nil
	}
	if r := w.push(t.Context(), source, rowsGo); r.Rejected != 2 || r.Sent != 2 || r.SetAside["quarantined"] != 1 {
		t.Fatalf("%+v", r)
	}
	source.gone = []int64{2, 5}
	r := w.push(t.Context(), source, rowsGo)
	if r.Err != nil || r.Standing != 1 || r.Sent != 0 || r.SetAside["quarantined"] != 1 {
		t.Errorf("%+v", r)
	}
	source.gone, source.aside = []int64{2, 3, 5}, nil
	if r = w.push(t.Context(), source, rowsGo); r.Err != nil || r.Standing != 0 || r.Sent != 1 || len(r.SetAside) != 0 {
		t.Errorf("%+v", r)
	}
	w.wantRows(rowsOf{source.rowsOf[0], source.rowsOf[4], source.rowsOf[3]})
	source.gone = nil
	if r := w.push(t.Context(), source); r.Err != nil || r.Sent != 0 {
		t.Errorf("%+v", r)
	}
}

// A batch whose answer was lost is known by what is left of it.
func TestALostBatchOfWhichRowsAreGone(t *testing.T) {
	for name, tc := range map[string]struct {
		stored bool
		gone   []int64
		want   []string
		sent   int64
	}{
		"it arrived":         {true, []int64{1}, []string{"obs-1", "obs-2", "obs-3"}, 2},
		"it did not":         {false, []int64{1}, []string{"obs-2", "obs-3"}, 2},
		"nothing is left":    {true, []int64{1, 2}, []string{"obs-1", "obs-2", "obs-3"}, 1},
		"and it did not":     {false, []int64{1, 2}, []string{"obs-3"}, 1},
		"nothing of it went": {true, nil, nil, 0},
	} {
		w := newWorld(t)
		source := &shrinking{rowsOf: changes(3), gone: tc.gone}
		if tc.stored {
			w.append(source.rowsOf[0], "2026-11-22T08:43:00Z")
			w.append(source.rowsOf[1], "2026-11-22T08:43:00Z")
		}
		job := &journal.Job{Schema: 1, Source: source.ID(), Intent: &journal.Intent{Rows: journal.Positions{{1, 2}}, Key: "a key"}}
		var err error
		if w.disk, err = json.Marshal(job); err != nil {
			t.Fatal(err)
		}
		r := w.push(t.Context(), source, rowsGo)
		if tc.want == nil { // the rows are there, so the key has to fit
			if !errors.Is(r.Err, journal.ErrOtherSource) {
				t.Errorf("%s: %v", name, r.Err)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, w.ours()); diff != "" || r.Err != nil || r.Sent != tc.sent {
			t.Errorf("%s: %+v %s", name, r, diff)
		}
	}
}
