package journal

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// journalPage is how many rows are asked for at once.
const journalPage = 1000

// Pull reads a journal from the place that the cursor keeps to its end,
// and gives each row out that it is not done with yet, in the order of their
// numbers. Rows that became visible late are found among those that are read
// again (see window). The bookmark is moved after each page, once the page has
// arrived where it goes, so that a row that counts as read is never lost; a
// rescan moves it at its end.
//
// An error is what the remote, the lines or the cursor gave, ErrBadPage, or
// ErrChanged. A context that ends stops the run between two pages.
func Pull(ctx context.Context, remote Reader, place CursorStore, out Lines, opts PullOptions) (PullResult, error) {
	p := &journalPull{remote: remote, place: place, opts: opts, lines: out, out: bufio.NewWriterSize(out, 1<<16)}
	p.Cursor = place.Cursor()
	p.before, p.saved.Cursor = p.Cursor.Last.Seq, p.Cursor
	if err := p.run(ctx); err != nil {
		p.saved.WindowCut = p.WindowCut
		return p.saved, err
	}
	return p.PullResult, nil
}

// journalPull is one run. Its cursor is the saved one, except in a rescan.
type journalPull struct {
	PullResult
	saved  PullResult // as it was when the cursor was moved
	remote Reader
	place  CursorStore
	opts   PullOptions
	lines  Lines
	out    *bufio.Writer
	buf    []byte

	before  int64 // the cursor's last row when the run began
	checked bool  // that row is still what it was
	seen    *seen
	window  window
	done    bool // the limit is reached
	changed bool // since the last save
}

func (p *journalPull) run(ctx context.Context) error {
	since := p.Cursor.Start()
	if p.opts.Rescan {
		p.seen, p.checked, since = newSeen(p.place.Seen(), p.Cursor.Recent), true, 0
		p.Cursor = engram.Cursor{UserID: p.Cursor.UserID}
		if err := p.place.ResetSeen(); err != nil {
			return err
		}
	} else {
		p.seen, p.checked = newSeen(nil, p.Cursor.Recent), p.before == 0
	}
	defer func() { p.seen.stop() }()
	for {
		page, err := p.ask(ctx, since)
		if err != nil {
			return err
		}
		if err := p.take(page); err != nil {
			return err
		}
		if !page.HasMore || p.done {
			return p.finish()
		}
		since = page.Mutations[len(page.Mutations)-1].Seq
	}
}

// ask fetches a page and looks whether it can be one.
func (p *journalPull) ask(ctx context.Context, since int64) (page engram.PullMutationsResponse, err error) {
	if err := context.Cause(ctx); err != nil {
		return page, err
	}
	limit := journalPage
	if p.opts.Limit > 0 {
		// No more than can be given out, beside what was seen, and the row at the cursor.
		limit = min(limit, p.opts.Limit-p.Rows+len(p.seen.recent)+1)
	}
	p.window.ask()
	page, err = p.remote.PullMutations(ctx, since, limit)
	if err != nil {
		return page, err
	}
	p.window.answer(page.Now)
	return page, checkPage(page, since)
}

func checkPage(page engram.PullMutationsResponse, since int64) error {
	if page.HasMore && len(page.Mutations) == 0 {
		return fmt.Errorf("it says that there is more, and gives no row: %w", ErrBadPage)
	}
	for _, row := range page.Mutations {
		if row.Seq <= since {
			return fmt.Errorf("row %d comes after row %d: %w", row.Seq, since, ErrBadPage)
		}
		if user := page.Mutations[0].UserID; row.UserID != user {
			return fmt.Errorf("it has rows of user %s and of %s: %w", quoteID(user), quoteID(row.UserID), ErrBadPage)
		}
		since = row.Seq
	}
	return nil
}

// take gives out the rows of a page that are new, after all of them were
// checked, and moves the cursor.
func (p *journalPull) take(page engram.PullMutationsResponse) error {
	marks := make([]engram.JournalRef, len(page.Mutations))
	for i, row := range page.Mutations {
		sum := engram.MutationSum(row.Entry())
		marks[i] = engram.JournalRef{Seq: row.Seq, Sum: binary.BigEndian.Uint32(sum[:])}
	}
	if err := p.check(page, marks); err != nil {
		return err
	}
	for i, row := range page.Mutations {
		if err := p.row(row, marks[i]); err != nil {
			return err
		}
		if p.opts.Limit > 0 && p.Rows >= p.opts.Limit {
			p.Full = page.HasMore || i < len(page.Mutations)-1
			p.done = true
			break
		}
	}
	return p.keep(page.CommitOrdered)
}

// check looks whether the journal is the one that was read before.
func (p *journalPull) check(page engram.PullMutationsResponse, marks []engram.JournalRef) error {
	if len(page.Mutations) > 0 {
		user := page.Mutations[0].UserID
		if known := p.Cursor.Last.Seq > 0 || p.Cursor.UserID != ""; known && p.Cursor.UserID != user {
			return &OtherUserError{Was: p.Cursor.UserID, Now: user}
		}
		p.Cursor.UserID = user
	}
	if p.opts.Rescan {
		return nil
	}
	if seq, other := p.seen.conflict(marks, p.Cursor.Last.Seq); other {
		return &ChangedError{Seq: seq, Other: true, End: -1}
	}
	if p.checked {
		return nil
	}
	return p.checkLast(page, marks)
}

// checkLast looks for the row at the cursor.
func (p *journalPull) checkLast(page engram.PullMutationsResponse, marks []engram.JournalRef) error {
	last := p.Cursor.Last
	if page.CommitOrdered && page.Head < last.Seq {
		return &ChangedError{Seq: last.Seq, End: page.Head}
	}
	for _, m := range marks {
		switch {
		case m == last:
			p.checked = true
			return nil
		case m.Seq == last.Seq:
			return &ChangedError{Seq: last.Seq, Other: true, End: -1}
		case m.Seq > last.Seq:
			return &ChangedError{Seq: last.Seq, End: -1}
		}
	}
	if page.HasMore {
		return nil
	}
	end := int64(-1)
	if len(marks) > 0 {
		end = marks[len(marks)-1].Seq
	}
	return &ChangedError{Seq: last.Seq, End: end}
}

// row passes one row, and gives it out if that was not done before.
func (p *journalPull) row(row engram.PullMutationResult, m engram.JournalRef) error {
	known, err := p.seen.pass(m, func(gone engram.JournalRef) { p.window.pass(gone, "") })
	if err != nil {
		return err
	}
	// The row at the cursor comes again although everything up to it is settled.
	if m.Seq > p.Cursor.LowWatermark {
		p.window.pass(m, row.OccurredAt)
	} else {
		known = true
	}
	if m.Seq > p.Cursor.Last.Seq {
		p.Cursor.Last = m
	}
	if known {
		return nil
	}
	p.changed = true
	if p.opts.Keep != nil && !p.opts.Keep(row) {
		p.Skipped++
		return nil
	}
	p.Rows++
	if m.Seq < p.before {
		p.Late++
	}
	p.buf = AppendLine(p.buf[:0], row)
	_, err = p.out.Write(p.buf)
	return err
}

// keep makes what was given out arrive, and then moves the cursor.
func (p *journalPull) keep(ordered bool) error {
	if err := p.out.Flush(); err != nil {
		return err
	}
	if err := p.lines.Flush(); err != nil {
		return err
	}
	if err := p.settle(ordered); err != nil {
		return err
	}
	if p.opts.Report != nil {
		p.opts.Report(p.Rows)
	}
	if p.opts.Rescan || !p.changed {
		return nil
	}
	return p.save(p.seen.recent)
}

// settle puts into the history what need not be read again.
func (p *journalPull) settle(ordered bool) error {
	n := p.window.settled()
	if ordered {
		n = len(p.window.marks)
	}
	if over := len(p.window.marks) + p.seen.below(p.Cursor.Last.Seq) - maxWindow; over > n {
		n = min(over, len(p.window.marks))
		p.WindowCut = true
	}
	if n == 0 {
		return nil
	}
	marks := p.window.take(n)
	p.changed, p.Cursor.LowWatermark = true, marks[n-1].Seq
	return p.place.AppendSeen(marks)
}

// save saves the cursor. The marks are those that are still to be passed.
func (p *journalPull) save(ahead []engram.JournalRef) error {
	p.Cursor.Recent = append(append(make([]engram.JournalRef, 0, len(p.window.marks)+len(ahead)), p.window.marks...), ahead...)
	p.changed = false
	if err := p.place.Save(p.Cursor); err != nil {
		return err
	}
	p.saved = p.PullResult
	return nil
}

// finish ends a rescan. What it did not find any more is remembered, in case it
// was only hidden.
func (p *journalPull) finish() error {
	if !p.opts.Rescan {
		return nil
	}
	gone, more, err := p.seen.rest(maxWindow)
	if err != nil {
		return err
	}
	p.Evicted = more
	p.seen.stop()
	return p.save(gone)
}
