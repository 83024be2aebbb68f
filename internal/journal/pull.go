// Package journal moves mutations between a source and a server's journal: it
// pushes each row once, and pulls each row once, whatever happens on the way. The
// commands for mutations call it, and put a server, a source and files behind its
// interfaces.
package journal

import (
	"bufio"
	"context"
	"iter"

	"github.com/engram-sync/engram-sync/internal/engram"
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
	// Report hears how many rows were given out so far. nil: nobody does.
	Report func(rows int)
}

// PullResult is what became of a pull. Beside an error it is what had become
// of it when the cursor was moved for the last time.
type PullResult struct {
	Rows    int // given out
	Skipped int // not wanted
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
