package journal_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// slowly answers with what was visible when it was asked, and with the time when
// the answer is ready, which takes it 20 minutes.
func slowly(j *journalDouble) remoteFunc {
	return func(ctx context.Context, since int64, limit int) (engram.PullMutationsResponse, error) {
		page, err := j.PullMutations(ctx, since, limit)
		<-time.NewTimer(20 * time.Minute).C
		j.now = j.now.Add(20 * time.Minute)
		page.Now = j.now.Unix()
		return page, err
	}
}

// TestSlowAnswer does not take the time of an answer for that of what is in it.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, r := newJournalDouble(), newReader(t)
		slow := j.begin()
		slow.insert(1)
		j.write(1)
		r.mustPull(slowly(j), journal.PullOptions{})
		slow.commit()
		r.mustPull(j, journal.PullOptions{})
		if got := r.got(); !slices.Equal(got, []int64{2, 1}) {
			t.Errorf("the file has %v", got)
		}
	})
}

// TestLongRun settles rows while it runs: those of a later page count from the
// time when that was asked for.
func TestLongRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, r := newJournalDouble(), newReader(t)
		j.write(1000)
		j.now = j.now.Add(15 * time.Minute)
		j.write(100)
		if res := r.mustPull(slowly(j), journal.PullOptions{}); res.Cursor.LowWatermark != 1100 {
			t.Errorf("to be read again from %d, want 1100", res.Cursor.LowWatermark)
		}
	})
}

// TestHiddenAtCursor stops at a journal that goes on, without the row at the cursor.
func TestHiddenAtCursor(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	j.write(5)
	r.mustPull(j, journal.PullOptions{})
	j.hide(5)
	j.write(2000)
	_, err := r.pull(j, journal.PullOptions{})
	if !errors.Is(err, journal.ErrChanged) || !strings.Contains(err.Error(), "no longer has row 5") {
		t.Errorf("a hidden row: %v", err)
	}
	if got := r.got(); !slices.Equal(got, upTo(5)) {
		t.Errorf("the file has %v", got)
	}
}

// TestAsleep: the machine sleeps between two pages, and its clock with it. What
// was read before is not taken for as old as the server's clock says then.
func TestAsleep(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	slow := j.begin()
	slow.insert(1)
	j.write(1500)
	asked := 0
	r.mustPull(remoteFunc(func(ctx context.Context, since int64, limit int) (engram.PullMutationsResponse, error) {
		if asked++; asked == 2 {
			j.now = j.now.Add(time.Hour)
		}
		return j.PullMutations(ctx, since, limit)
	}), journal.PullOptions{})
	slow.commit()
	r.mustPull(j, journal.PullOptions{})
	r.wantOnce(j)
}
