package journal_test

import (
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// crasher ends a run at its nth step. A step is a write, flush or save; it is
// done not at all, in half, or whole before the end comes.
type crasher struct {
	journal.CursorStore
	journal.Lines
	left int
	done float64 // of the last step: 0, 0.5 or 1
}

// step says whether this is the last step.
func (c *crasher) step() bool { c.left--; return c.left == 0 }

func (c *crasher) do(step func() error) error {
	if !c.step() {
		return step()
	}
	if c.done == 1 {
		return errors.Join(errCrash, step())
	}
	return errCrash
}

func (c *crasher) Write(p []byte) (int, error) {
	if !c.step() {
		return c.Lines.Write(p)
	}
	_, err := c.Lines.Write(p[:int(c.done*float64(len(p)))])
	return 0, errors.Join(errCrash, err)
}

func (c *crasher) Flush() error          { return c.do(c.Lines.Flush) }
func (c *crasher) Cursor() engram.Cursor { return c.CursorStore.Cursor() }
func (c *crasher) ResetSeen() error      { return c.do(c.CursorStore.ResetSeen) }
func (c *crasher) AppendSeen(m []engram.JournalRef) error {
	return c.do(func() error { return c.CursorStore.AppendSeen(m) })
}
func (c *crasher) Save(cursor engram.Cursor) error {
	return c.do(func() error { return c.CursorStore.Save(cursor) })
}
func (c *crasher) Seen() iter.Seq2[engram.JournalRef, error] { return c.CursorStore.Seen() }

// TestCrashes ends runs at each of their steps. Whatever was done by then, the
// next run completes the file: each row once, in the order of an undisturbed run.
func TestCrashes(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine works for long: the race detector learns nothing from it")
	}
	t.Parallel()
	// Three runs: a first one over several pages, one that finds late rows, and
	// a rescan that finds hidden ones.
	story := func(r *reader, crashIn int, crash func(journal.CursorStore, journal.Lines) (journal.CursorStore, journal.Lines)) {
		j := newJournalDouble()
		j.write(1100)
		j.hide(3)
		j.now = j.now.Add(time.Hour)
		slow := j.begin()
		slow.insert(2)
		j.write(3)
		for run, opts := range []journal.PullOptions{{}, {}, {Rescan: true}} {
			switch run {
			case 1:
				slow.commit()
				j.now = j.now.Add(4 * time.Minute)
			case 2:
				j.show(3)
			}
			if run == crashIn {
				r.wrap = crash
				_, err := r.pull(j, opts)
				if r.wrap = nil; err != nil && !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
			}
			r.mustPull(j, opts)
		}
		r.wantOnce(j)
	}
	undisturbed := newReader(t)
	story(undisturbed, -1, nil)
	want := undisturbed.got()
	for run := range 3 {
		for _, done := range []float64{0, 0.5, 1} {
			for n, more := 1, true; more; n++ {
				r := newReader(t)
				var c *crasher
				story(r, run, func(b journal.CursorStore, l journal.Lines) (journal.CursorStore, journal.Lines) {
					c = &crasher{CursorStore: b, Lines: l, left: n, done: done}
					return c, c
				})
				more = c.left <= 0
				if !slices.Equal(r.got(), want) {
					t.Fatalf("run %d ended at step %d, of which %v was done: the file differs from an undisturbed one", run, n, done)
				}
			}
		}
	}
}
