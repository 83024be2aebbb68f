package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// TestPullJournal reads a journal to its end, goes on where it was, and asks
// once when there is nothing new.
func TestPullJournal(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	j.write(2500)
	if res := r.mustPull(j, journal.PullOptions{}); res.Rows != 2500 || res.Cursor.Last.Seq != 2500 || j.asked != 3 {
		t.Errorf("the first run: %d rows to %d with %d requests", res.Rows, res.Cursor.Last.Seq, j.asked)
	}
	j.now = j.now.Add(time.Hour)
	j.write(3)
	if res := r.mustPull(j, journal.PullOptions{}); res.Rows != 3 {
		t.Errorf("the second run: %d rows", res.Rows)
	}
	j.now = j.now.Add(time.Hour)
	r.mustPull(j, journal.PullOptions{}) // settles the rest
	for range 2 {
		j.asked = 0
		if res := r.mustPull(j, journal.PullOptions{}); res.Rows != 0 || j.asked != 1 {
			t.Errorf("an idle run: %d rows, %d requests", res.Rows, j.asked)
		}
	}
	r.wantOnce(j)
	if !slices.Equal(r.got(), upTo(2503)) {
		t.Error("the file is out of order")
	}
}

// TestLateRows is the fault of account-server.md 4.4: a writer holds its
// transaction while another one commits with higher numbers.
func TestLateRows(t *testing.T) {
	t.Parallel()
	for _, clock := range []bool{true, false} {
		j, r := newJournalDouble(), newReader(t)
		j.clock = clock
		slow := j.begin()
		slow.insert(3)
		j.write(2)
		slow.insert(3)
		j.write(1)
		if r.mustPull(j, journal.PullOptions{}); !slices.Equal(r.got(), []int64{4, 5, 9}) {
			t.Fatalf("before the commit: %v", r.got())
		}
		j.now = j.now.Add(4 * time.Minute)
		slow.commit()
		if res := r.mustPull(j, journal.PullOptions{}); res.Late != 6 {
			t.Errorf("%d late rows, want 6", res.Late)
		}
		if want := []int64{4, 5, 9, 1, 2, 3, 6, 7, 8}; !slices.Equal(r.got(), want) {
			t.Errorf("the file has %v, want %v", r.got(), want)
		}
	}
}

// TestManyWriters lets writers and a reader meet in many ways. No transaction
// lasts as long as half of the window.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			manyWriters(t, seed)
		})
	}
}

func manyWriters(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	j, r := newJournalDouble(), newReader(t)
	j.clock = seed%2 == 0
	var open []*transaction
	for range 150 {
		j.now = j.now.Add(time.Duration(random.IntN(60_000)) * time.Millisecond)
		open = slices.DeleteFunc(open, func(tx *transaction) bool {
			ends := random.IntN(4) == 0 || j.now.Sub(tx.began) > 230*time.Second
			if ends {
				tx.commit()
			}
			return ends
		})
		switch random.IntN(4) {
		case 0:
			open = append(open, j.begin())
		case 1:
			j.write(1 + random.IntN(3))
		case 2:
			r.mustPull(j, journal.PullOptions{Limit: random.IntN(2) * random.IntN(20)})
		}
		for _, tx := range open {
			tx.insert(random.IntN(3))
		}
	}
	for _, tx := range open {
		tx.commit()
	}
	r.mustPull(j, journal.PullOptions{})
	r.wantOnce(j)
	// and the history agrees
	if res := r.mustPull(j, journal.PullOptions{Rescan: true}); res.Rows != 0 {
		t.Errorf("a rescan found %d rows", res.Rows)
	}
	j.now = j.now.Add(time.Hour)
	j.write(1)
	if res := r.mustPull(j, journal.PullOptions{}); res.Rows != 1 {
		t.Errorf("after the rescan there were %d rows", res.Rows)
	}
}

// TestCommitOrdered needs no window on a server that promises as much.
func TestCommitOrdered(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	j.ordered = true
	j.write(5000)
	r.mustPull(j, journal.PullOptions{})
	j.asked = 0
	if res := r.mustPull(j, journal.PullOptions{}); res.Rows != 0 || j.asked != 1 || len(res.Cursor.Recent) != 0 {
		t.Errorf("an idle run: %d rows, %d requests, %d to read again", res.Rows, j.asked, len(res.Cursor.Recent))
	}
	j.restore(4000)
	_, err := r.pull(j, journal.PullOptions{})
	if !errors.Is(err, journal.ErrChanged) || !strings.Contains(err.Error(), "ends at 4000") {
		t.Errorf("a restored server: %v", err)
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	j.write(12)
	for i, want := range []int64{5, 10, 12} {
		res := r.mustPull(j, journal.PullOptions{Limit: 5})
		if res.Cursor.Last.Seq != want || res.Full != (want < 12) {
			t.Errorf("run %d: to %d, want %d, full %t", i, res.Cursor.Last.Seq, want, res.Full)
		}
	}
	r.wantOnce(j)
}

func TestKeep(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	j.write(10)
	even := func(row engram.PullMutationResult) bool { return row.Seq%2 == 0 }
	if res := r.mustPull(j, journal.PullOptions{Keep: even}); res.Rows != 5 || res.Skipped != 5 {
		t.Errorf("%d rows, %d left out", res.Rows, res.Skipped)
	}
	if res := r.mustPull(j, journal.PullOptions{Keep: even}); res.Rows != 0 || res.Skipped != 0 {
		t.Errorf("again: %d rows, %d left out", res.Rows, res.Skipped)
	}
}

// TestRestored has a server that lost its newest rows, and gave their numbers
// to others.
func TestRestored(t *testing.T) {
	t.Parallel()
	for _, settled := range []bool{true, false} {
		j, r := newJournalDouble(), newReader(t)
		j.write(20)
		r.mustPull(j, journal.PullOptions{})
		if settled {
			j.now = j.now.Add(time.Hour)
			r.mustPull(j, journal.PullOptions{})
		}
		before := r.got()
		j.restore(15)
		want := func(text string) {
			t.Helper()
			_, err := r.pull(j, journal.PullOptions{})
			if !errors.Is(err, journal.ErrChanged) || !strings.Contains(err.Error(), text) {
				t.Errorf("a restored server: %v, want %q", err, text)
			}
			if !slices.Equal(r.got(), before) {
				t.Error("something was written")
			}
		}
		want("no longer has row 20")
		j.write(3)
		for i := range j.rows[15:] {
			j.rows[15+i].EntityKey = "another"
		}
		if settled {
			want("no longer has row 20")
		} else {
			want("row 16 of the server's journal is another one")
		}
		res := r.mustPull(j, journal.PullOptions{Rescan: true})
		if got := r.got()[20:]; !slices.Equal(got, []int64{16, 17, 18}) || res.Cursor.Last.Seq != 18 {
			t.Errorf("the rescan gave %v, and ended at %d", got, res.Cursor.Last.Seq)
		}
		j.write(4) // 19 and 20 were other rows once
		for i := range j.rows[18:] {
			j.rows[18+i].EntityKey = "another"
		}
		r.mustPull(j, journal.PullOptions{})
		if got := r.got()[23:]; !slices.Equal(got, []int64{19, 20, 21, 22}) {
			t.Errorf("after the rescan: %v", got)
		}
	}
}

// TestPaused hides rows, as an operator's pause does, and shows them again.
func TestPaused(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	j.write(20)
	j.hide(5, 6, 20)
	r.mustPull(j, journal.PullOptions{})
	j.now = j.now.Add(time.Hour)
	r.mustPull(j, journal.PullOptions{})
	j.show(5, 6, 20)
	r.mustPull(j, journal.PullOptions{})
	if got := without(upTo(20), sorted(r.got())); !slices.Equal(got, []int64{5, 6}) {
		t.Fatalf("missing before the rescan: %v", got)
	}
	r.mustPull(j, journal.PullOptions{Rescan: true})
	r.wantOnce(j)

	// the row at the cursor is hidden too
	j.hide(7, 19, 20)
	if _, err := r.pull(j, journal.PullOptions{}); !errors.Is(err, journal.ErrChanged) {
		t.Errorf("the row at the cursor is gone: %v", err)
	}
	if res := r.mustPull(j, journal.PullOptions{Rescan: true}); res.Cursor.Last.Seq != 18 {
		t.Errorf("the rescan ended at %d", res.Cursor.Last.Seq)
	}
	j.now = j.now.Add(time.Hour)
	j.write(2)
	r.mustPull(j, journal.PullOptions{})
	j.show(7, 19, 20)
	r.mustPull(j, journal.PullOptions{})
	r.mustPull(j, journal.PullOptions{Rescan: true})
	r.wantOnce(j)
}

func sorted(seqs []int64) []int64 { slices.Sort(seqs); return seqs }

func TestOtherUser(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	j.write(3)
	r.mustPull(j, journal.PullOptions{})
	j.user = "u-2\x1b[31m"
	for i := range j.rows {
		j.rows[i].UserID = j.user
	}
	j.write(1)
	for _, opts := range []journal.PullOptions{{}, {Rescan: true}} {
		_, err := r.pull(j, opts)
		var other *journal.OtherUserError
		if !errors.As(err, &other) || !errors.Is(err, journal.ErrChanged) {
			t.Fatalf("another user's rows: %v", err)
		}
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("the message holds the server's escapes: %q", err)
		}
	}
	if !slices.Equal(r.got(), upTo(3)) {
		t.Errorf("the file has %v", r.got())
	}
}

// pages gives the same answer to every question.
type pages struct{ page engram.PullMutationsResponse }

func (p pages) PullMutations(context.Context, int64, int) (engram.PullMutationsResponse, error) {
	return p.page, nil
}

func TestBadPages(t *testing.T) {
	t.Parallel()
	row := func(seq int64, user string) engram.PullMutationResult {
		return engram.PullMutationResult{Seq: seq, UserID: user}
	}
	for name, page := range map[string]engram.PullMutationsResponse{
		"more and no row": {HasMore: true},
		"descending":      {Mutations: []engram.PullMutationResult{row(2, "u"), row(1, "u")}},
		"twice":           {Mutations: []engram.PullMutationResult{row(2, "u"), row(2, "u")}},
		"below since":     {Mutations: []engram.PullMutationResult{row(0, "u")}},
		"no progress":     {Mutations: []engram.PullMutationResult{row(1, "u")}, HasMore: true},
		"two users":       {Mutations: []engram.PullMutationResult{row(1, "u"), row(2, "v")}},
	} {
		if _, err := newReader(t).pull(pages{page}, journal.PullOptions{}); !errors.Is(err, journal.ErrBadPage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostileNumbers has the greatest numbers there are, and times that are none.
func TestHostileNumbers(t *testing.T) {
	t.Parallel()
	const most = 1<<63 - 1
	j, r := newJournalDouble(), newReader(t)
	j.write(4)
	for i, seq := range []int64{1, 1 << 40, most - 1, most} {
		j.rows[i].Seq, j.rows[i].OccurredAt = seq, "yesterday"
		j.show(seq)
	}
	for i := range 4 {
		r.mustPull(j, journal.PullOptions{Rescan: i == 2})
		j.now = j.now.Add(time.Hour)
	}
	r.wantOnce(j)
}

// TestWindowCut has more young rows than are read again.
func TestWindowCut(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	j.write(20_000)
	if res := r.mustPull(j, journal.PullOptions{}); res.WindowCut || len(res.Cursor.Recent) != 20_000 {
		t.Errorf("%d rows to be read again, cut: %t", len(res.Cursor.Recent), res.WindowCut)
	}
	j.write(3_000)
	if res := r.mustPull(j, journal.PullOptions{}); !res.WindowCut || len(res.Cursor.Recent) != 20_000 {
		t.Errorf("%d rows to be read again, cut: %t", len(res.Cursor.Recent), res.WindowCut)
	}
	j.asked = 0
	if res := r.mustPull(j, journal.PullOptions{}); res.WindowCut || j.asked != 20 {
		t.Errorf("an idle run: %d requests, cut: %t", j.asked, res.WindowCut)
	}
	j.now = j.now.Add(time.Hour)
	if res := r.mustPull(j, journal.PullOptions{}); len(res.Cursor.Recent) != 0 {
		t.Errorf("an hour later %d rows are read again", len(res.Cursor.Recent))
	}
	r.wantOnce(j)
}

// TestInterruptedPull keeps what was given out before the context ended.
func TestInterruptedPull(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	j.write(3000)
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	stopping := remoteFunc(func(_ context.Context, since int64, limit int) (engram.PullMutationsResponse, error) {
		if since >= 1000 {
			cancel(interrupted)
		}
		return j.PullMutations(ctx, since, limit)
	})
	r.ctx = ctx
	if res, err := r.pull(stopping, journal.PullOptions{}); !errors.Is(err, interrupted) || res.Rows != 2000 {
		t.Errorf("%d rows, %v", res.Rows, err)
	}
	r.ctx = nil
	if res := r.mustPull(j, journal.PullOptions{}); res.Rows != 1000 {
		t.Errorf("then %d rows", res.Rows)
	}
	r.wantOnce(j)
}

type remoteFunc func(context.Context, int64, int) (engram.PullMutationsResponse, error)

func (f remoteFunc) PullMutations(ctx context.Context, since int64, limit int) (engram.PullMutationsResponse, error) {
	return f(ctx, since, limit)
}

// TestOutputChanged refuses a file that somebody else changed, and begins a new
// one where it was rotated away.
func TestOutputChanged(t *testing.T) {
	t.Parallel()
	j, r := newJournalDouble(), newReader(t)
	j.write(3)
	r.mustPull(j, journal.PullOptions{})
	text, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	j.write(1)
	for name, changed := range map[string]string{"longer": string(text) + "mine\n", "shorter": string(text[:len(text)-5])} {
		if err := os.WriteFile(r.file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.pull(j, journal.PullOptions{}); err == nil || !strings.Contains(err.Error(), "somebody else changed it") {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.ReadFile(r.file); err != nil || string(now) != changed {
			t.Errorf("%s: the file was touched", name)
		}
	}
	for _, rotate := range []func() error{
		func() error { return os.Remove(r.file) },
		func() error { return os.Truncate(r.file, 0) },
	} {
		if err := rotate(); err != nil {
			t.Fatal(err)
		}
		r.mustPull(j, journal.PullOptions{})
		j.write(1)
		r.mustPull(j, journal.PullOptions{})
		if got := r.got(); !slices.Equal(got, []int64{j.last - 1, j.last}) {
			t.Errorf("the new file has %v, want the last two rows of %d", got, j.last)
		}
		j.write(1)
	}
}

// Who chooses rows by their times hears how far the clock that wrote them is ahead, where the
// server tells.
func TestTheClockOfTheRowsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for clock, want := range map[bool]time.Duration{true: -48 * time.Hour, false: 0} {
			j := newJournalDouble()
			j.now, j.clock = time.Now().Add(-48*time.Hour), clock
			j.write(1)
			heard := time.Duration(-1)
			res := newReader(t).mustPull(j, journal.PullOptions{Wants: func(_ engram.PullMutationResult, ahead time.Duration) bool {
				heard = ahead
				return false
			}})
			if heard != want || res.Unasked != 1 {
				t.Errorf("the server tells: %t; %v ahead, want %v; %+v", clock, heard, want, res)
			}
		}
	})
}
