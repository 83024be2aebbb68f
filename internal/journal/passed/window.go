// Package passed is what of a journal a pull has passed: the rows that it may meet again, and those that are not settled.
// Only internal/journal calls it.
package passed

import (
	"math"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// visibleWithin is for how long after a row was written others may still
// become visible below it.
const visibleWithin = 10 * time.Minute

// Window holds the refs of the rows that a run has passed and that are not
// settled: it can't be said yet that no row will become visible below them.
//
// A server numbers a row when it is inserted, and shows it when its transaction
// commits; occurred_at is when that began (account-server.md 4.3, 4.4). If no
// transaction lasts half a window (W) or more, a row R that occurred at least W
// before the time T at which everything below it was read settles all of that.
// For let X be a row that was not visible at T. Its transaction had not
// committed then, so it began after T - W/2, and X was numbered after that. R's
// began before T - W and lasted less than W/2, so R was numbered before T - W/2,
// and before X: X is above R.
//
// T is taken from the server's clock alone: ours only says how much time has
// passed. A page shows what was visible at some moment between question and
// answer, so the time of the question counts, which is the time in the answer
// less what has passed since. Many pages make up a window, and for all of them
// the time of the first is used, which is the earliest. That is read off its own
// answer, not off later ones: our clock stands still while the machine sleeps.
// When everything that was read is settled, the next page begins a new one.
type Window struct {
	Refs  []engram.JournalRef
	times []int64 // when each occurred, in Unix milliseconds; unknownTime where nobody knows

	asked time.Time     // our time of the question that its first page answered
	clock int64         // the server's in the last answer, in Unix seconds; 0 if it said none
	since time.Duration // from asked to the last answer
	began int64         // the server's time when the first page was asked for, or earlier; Unix milliseconds
	now   int64         // the latest time that rows have told, for servers without a clock
}

const (
	unknownTime = math.MaxInt64     // a time that is always inside the window
	unset       = math.MinInt64 / 2 // a time that nothing is before
)

// Ask notes that a page is about to be asked for.
func (w *Window) Ask() {
	if len(w.Refs) == 0 {
		w.asked, w.began = time.Now(), unset
	}
}

// Answer notes the server's time of an answer, in Unix seconds, 0 if it said none.
func (w *Window) Answer(seconds int64) { w.clock, w.since = seconds, time.Since(w.asked) }

// Pass adds a row, which is above all that were added before. occurred is as the
// server wrote it.
func (w *Window) Pass(m engram.JournalRef, occurred string) {
	at := int64(unknownTime)
	if t, err := time.Parse(time.RFC3339, occurred); err == nil {
		at = t.UnixMilli()
		w.now = max(w.now, at)
	}
	w.Refs, w.times = append(w.Refs, m), append(w.times, at)
}

// Settled is how many of the refs, counted from the lowest, are settled.
func (w *Window) Settled() int {
	switch {
	case w.clock > 0 && w.began == unset:
		w.began = time.Unix(w.clock, 0).UnixMilli() - w.since.Milliseconds()
	case w.clock == 0 && w.now > 0:
		w.began = max(w.began, w.now-w.since.Milliseconds())
	}
	for i := len(w.Refs); i > 0; i-- {
		if w.times[i-1] <= w.began-visibleWithin.Milliseconds() {
			return i
		}
	}
	return 0
}

// Remove takes the lowest n refs out. They are good until the next pass.
func (w *Window) Remove(n int) []engram.JournalRef {
	taken := w.Refs[:n]
	w.Refs, w.times = w.Refs[n:], w.times[n:]
	return taken
}
