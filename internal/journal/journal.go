// Package journal moves mutations between a source and a server's journal: it
// pushes each row once, and pulls each row once, whatever happens on the way. The
// commands for mutations call it, and put a server, a source and files behind its
// interfaces.
package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

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
	AppendSeen(marks []engram.JournalRef) error
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
	// Forgotten is how many rows a rescan did not find any more, and did not
	// have the room to remember: should they come back, they are given out again.
	Evicted int
	// Full says that the limit ended the run, not the journal.
	Full bool
}

// ErrChanged means that a journal is not the one that was read before.
// Nothing of the page in question was given out, and the cursor has not moved.
var ErrChanged = errors.New("the journal is not the one that was read before")

// ChangedError says what has changed. It is an ErrChanged.
type ChangedError struct {
	Seq   int64 // the row that was read before
	Other bool  // another row has its number now; else there is none
	End   int64 // the journal's last row; -1 if it is not known
}

func (e *ChangedError) Error() string {
	const next = "pull --rescan reads all of it and writes what is new, pull --cursor OTHER begins anew"
	if e.Other {
		return fmt.Sprintf("row %d of the server's journal is another one than was read before: the server was restored from a backup or set up anew; %s", e.Seq, next)
	}
	end := ""
	if e.End >= 0 {
		end = fmt.Sprintf(", it ends at %d", e.End)
	}
	return fmt.Sprintf("the server's journal no longer has row %d, which was read before%s: the server was restored from a backup, or an operator paused a project, which hides its rows; %s", e.Seq, end, next)
}

// Is makes it an ErrChanged.
func (e *ChangedError) Is(target error) bool { return target == ErrChanged }

// OtherUserError says that rows belong to somebody else than those before. It
// is an ErrChanged.
type OtherUserError struct{ Was, Now string }

func (e *OtherUserError) Error() string {
	return fmt.Sprintf("the rows belong to user %s, those before to %s: for another account use another --cursor", quoteID(e.Now), quoteID(e.Was))
}

// Is makes it an ErrChanged.
func (e *OtherUserError) Is(target error) bool { return target == ErrChanged }

// quoteID is a stranger's id as it may stand in a message.
func quoteID(id string) string {
	const most = 64
	if len(id) > most {
		id = id[:most]
	}
	return strconv.QuoteToASCII(id)
}

// ErrBadPage means that an answer of a server can't be a page of a journal.
var ErrBadPage = errors.New("the server's page of the journal makes no sense")
