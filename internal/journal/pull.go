// Package journal moves mutations between a source and a server's journal: it
// pushes each row once, and pulls each row once, whatever happens on the way. The
// commands for mutations call it, and put a server, a source and files behind its
// interfaces.
package journal

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal/passed"
)

// Reader is a server's mutation journal. It is never asked for two pages at
// once: that can freeze a server. Source: account-server.md 4.7.
type Reader interface {
	// PullMutations gives the rows after since, ascending, at most limit.
	PullMutations(ctx context.Context, since int64, limit int) (engram.PullMutationsResponse, error)
}

// CursorStore keeps a reader's cursor between runs, and the log of the rows that
// it is done with.
type CursorStore interface {
	Cursor() engram.Cursor
	// Seen gives the rows up to the cursor's LowWatermark that the reader is done
	// with, ascending.
	Seen() iter.Seq2[engram.JournalRef, error]
	// ResetSeen begins a new log, which replaces the old one with the next Save.
	ResetSeen() error
	// AppendSeen adds to the log; what was added counts from the next Save on.
	AppendSeen(refs []engram.JournalRef) error
	// Save makes the cursor durable, with what was appended before.
	Save(c engram.Cursor) error
}

// Lines is where the rows go, one line of JSON each.
type Lines interface {
	Write(p []byte) (int, error)
	// Flush returns when what was written has left this process, and, if it went
	// to a file, is on disk.
	Flush() error
}

// PullOptions are how a journal is pulled.
type PullOptions struct {
	// Limit is how many rows are given out at most; 0 is no limit.
	Limit int
	// Rescan reads the whole journal and gives out what never was.
	Rescan bool
	// Keep says whether a row is wanted; nil: all are. The others are counted,
	// and the reader is done with them too.
	Keep func(engram.PullMutationResult) bool
	// Wants says whether a row was asked for; nil: all were. The others are counted apart, and
	// this cursor is done with them: it has to be one of readers who ask for the same. ahead is
	// how far the server's clock is before the one here, as far as it tells.
	Wants func(row engram.PullMutationResult, ahead time.Duration) bool
	// Report hears how many rows were given out so far. nil: nobody does.
	Report func(rows int)
}

// PullResult is what became of a pull. Beside an error it is what had become
// of it when the cursor was moved for the last time.
type PullResult struct {
	Rows    int // given out
	Skipped int // not wanted
	Unasked int // wanted, and not asked for
	// Unreadable are the rows that can't be read, which are passed over; Unread is the
	// first of them, and why.
	Unreadable int
	Unread     string
	// Late are the rows given out that became visible below the cursor.
	Late int
	// Cursor is where the reader is now.
	Cursor engram.Cursor
	// WindowCut says that the rows that are still to be read again were too
	// many: one that becomes visible among the oldest of them is missed until
	// the next rescan.
	WindowCut bool
	// Evicted is how many rows a rescan did not find any more, and did not
	// have the room to remember: should they come back, they are given out again.
	Evicted int
	// Full says that the limit ended the run, not the journal.
	Full bool
}

// Pull reads a journal from the place that the cursor keeps to its end,
// and gives each row out that it is not done with yet, in the order of their
// numbers. Rows that became visible late are found among those that are read
// again (see window). The cursor is moved after each page, once the page has
// arrived where it goes, so that a row that counts as read is never lost; a
// rescan moves it at its end.
//
// An error is what the remote, the lines or the cursor gave, ErrBadPage, or
// ErrChanged. A context that ends stops the run between two pages.
func Pull(ctx context.Context, remote Reader, place CursorStore, out Lines, opts PullOptions) (PullResult, error) {
	p := &puller{remote: remote, place: place, opts: opts, lines: out, out: bufio.NewWriterSize(out, 1<<16)}
	p.Cursor = place.Cursor()
	p.before, p.saved.Cursor = p.Cursor.Last.Seq, p.Cursor
	if err := p.run(ctx); err != nil {
		p.saved.WindowCut = p.WindowCut
		return p.saved, err
	}
	return p.PullResult, nil
}

const (
	pullPage = 1000 // how many rows are asked for at once
	// maxWindow is how many rows are read again at most, by every reader of a journal: more
	// than that in ten minutes would cost each run more than what it is about.
	maxWindow = 20 * pullPage
)

// puller is one run. Its cursor is the saved one, except in a rescan.
type puller struct {
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
	seen    *passed.Seen
	window  passed.Window
	ahead   time.Duration // of the server's clock
	done    bool          // the limit is reached
	changed bool          // since the last save
}

func (p *puller) run(ctx context.Context) error {
	since := p.Cursor.Start()
	if p.opts.Rescan {
		p.seen, p.checked, since = passed.NewSeen(p.place.Seen(), p.Cursor.Recent), true, 0
		p.Cursor = engram.Cursor{UserID: p.Cursor.UserID}
		if err := p.place.ResetSeen(); err != nil {
			return err
		}
	} else {
		p.seen, p.checked = passed.NewSeen(nil, p.Cursor.Recent), p.before == 0
	}
	defer func() { p.seen.Stop() }()
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

// ask fetches a page, whose rows belong to one user.
func (p *puller) ask(ctx context.Context, since int64) (page engram.PullMutationsResponse, err error) {
	if err := context.Cause(ctx); err != nil {
		return page, err
	}
	limit := pullPage
	if p.opts.Limit > 0 {
		// No more than can be given out, beside what was seen, and the row at the cursor.
		limit = min(limit, p.opts.Limit-p.Rows+len(p.seen.Recent)+1)
	}
	p.window.Ask()
	if page, err = readPage(ctx, p.remote, since, limit); err != nil {
		return page, err
	}
	p.window.Answer(page.Now)
	if p.ahead = 0; page.Now > 0 {
		p.ahead = time.Until(time.Unix(page.Now, 0))
	}
	readable := slices.DeleteFunc(slices.Clone(page.Mutations), func(row engram.PullMutationResult) bool { return row.Odd != "" })
	for _, row := range readable {
		if user := readable[0].UserID; row.UserID != user {
			return page, fmt.Errorf("it has rows of user %s and of %s: %w", quoteID(user), quoteID(row.UserID), ErrBadPage)
		}
	}
	return page, nil
}

// take gives out the rows of a page that are new, after all of them were
// checked, and moves the cursor.
func (p *puller) take(page engram.PullMutationsResponse) error {
	refs := make([]engram.JournalRef, len(page.Mutations))
	for i, row := range page.Mutations {
		refs[i] = journalRef(row)
	}
	if err := p.check(page, refs); err != nil {
		return err
	}
	for i, row := range page.Mutations {
		fresh, err := p.pass(refs[i], row.OccurredAt)
		if err == nil && fresh {
			err = p.giveOut(row)
		}
		if err != nil {
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

// pass moves past a row, and says whether earlier runs were not done with it.
func (p *puller) pass(ref engram.JournalRef, occurred string) (fresh bool, err error) {
	known, err := p.seen.Pass(ref, func(gone engram.JournalRef) { p.window.Pass(gone, "") })
	if err != nil {
		return false, err
	}
	if ref.Seq > p.Cursor.Last.Seq {
		p.Cursor.Last = ref
	}
	if ref.Seq <= p.Cursor.LowWatermark {
		return false, nil // the row at the cursor, which comes again although everything up to it is settled
	}
	p.window.Pass(ref, occurred)
	return !known, nil
}

// giveOut writes a row, if it is wanted.
func (p *puller) giveOut(row engram.PullMutationResult) error {
	p.changed = true
	if row.Odd != "" {
		if p.Unreadable++; p.Unreadable == 1 {
			p.Unread = fmt.Sprintf("%d (%s)", row.Seq, row.Odd)
		}
		return nil
	}
	if p.opts.Keep != nil && !p.opts.Keep(row) {
		p.Skipped++
		return nil
	}
	if p.opts.Wants != nil && !p.opts.Wants(row, p.ahead) {
		p.Unasked++
		return nil
	}
	p.Rows++
	if row.Seq < p.before {
		p.Late++
	}
	p.buf = AppendLine(p.buf[:0], row)
	_, err := p.out.Write(p.buf)
	return err
}

// keep makes what was given out arrive, and then moves the cursor.
func (p *puller) keep(ordered bool) error {
	if err := p.out.Flush(); err != nil {
		return err
	}
	if err := p.lines.Flush(); err != nil {
		return err
	}
	if err := p.advanceWatermark(ordered); err != nil {
		return err
	}
	if p.opts.Report != nil {
		p.opts.Report(p.Rows)
	}
	if p.opts.Rescan || !p.changed {
		return nil
	}
	return p.save(p.seen.Recent)
}

// advanceWatermark puts into the log what need not be read again.
func (p *puller) advanceWatermark(ordered bool) error {
	n := p.window.Settled()
	if ordered {
		n = len(p.window.Refs)
	}
	if over := len(p.window.Refs) + p.seen.Below(p.Cursor.Last.Seq) - maxWindow; over > n {
		n = min(over, len(p.window.Refs))
		p.WindowCut = true
	}
	if n == 0 {
		return nil
	}
	refs := p.window.Remove(n)
	p.changed, p.Cursor.LowWatermark = true, refs[n-1].Seq
	return p.place.AppendSeen(refs)
}

// save saves the cursor. The refs are those that are still to be passed.
func (p *puller) save(ahead []engram.JournalRef) error {
	p.Cursor.Recent = append(append(make([]engram.JournalRef, 0, len(p.window.Refs)+len(ahead)), p.window.Refs...), ahead...)
	p.changed = false
	if err := p.place.Save(p.Cursor); err != nil {
		return err
	}
	p.saved = p.PullResult
	return nil
}

// finish ends a rescan. What it did not find any more is remembered, in case it
// was only hidden.
func (p *puller) finish() error {
	if !p.opts.Rescan {
		return nil
	}
	gone, more, err := p.seen.Rest(maxWindow)
	if err != nil {
		return err
	}
	p.Evicted = more
	p.seen.Stop()
	return p.save(gone)
}
