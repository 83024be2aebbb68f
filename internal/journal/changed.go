package journal

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// ErrChanged means that a journal is not the one that was read before.
// Nothing of the page in question was given out, and the cursor has not moved.
var ErrChanged = errors.New("the journal is not the one that was read before")

// changedError says what has changed. It is an ErrChanged.
type changedError string

func (e changedError) Error() string {
	return string(e) + "; pull --rescan reads all of it and writes what is new, pull --cursor OTHER begins anew"
}

// Is makes it an ErrChanged.
func (e changedError) Is(target error) bool { return target == ErrChanged }

// anotherRow: another row has the number of one that was read before.
func anotherRow(seq int64) error {
	return changedError(fmt.Sprintf("row %d of the server's journal is another one than was read before: the server was restored from a backup or set up anew", seq))
}

// noRow: a row that was read before is gone from a journal. Where that ends is -1
// if it is not known.
func noRow(seq, end int64) error {
	ends := ""
	if end >= 0 {
		ends = fmt.Sprintf(", it ends at %d", end)
	}
	return changedError(fmt.Sprintf("the server's journal no longer has row %d, which was read before%s: the server was restored from a backup, or an operator paused a project, which hides its rows", seq, ends))
}

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

// check looks whether the journal is the one that was read before.
func (p *puller) check(page engram.PullMutationsResponse, refs []engram.JournalRef) error {
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
	if seq, other := p.seen.Conflict(refs, p.Cursor.Last.Seq); other {
		return anotherRow(seq)
	}
	if p.checked {
		return nil
	}
	return p.checkLast(page, refs)
}

// checkLast looks for the row at the cursor.
func (p *puller) checkLast(page engram.PullMutationsResponse, refs []engram.JournalRef) error {
	last := p.Cursor.Last
	if page.CommitOrdered && page.Head < last.Seq {
		return noRow(last.Seq, page.Head)
	}
	for _, m := range refs {
		switch {
		case m == last:
			p.checked = true
			return nil
		case m.Seq == last.Seq:
			return anotherRow(last.Seq)
		case m.Seq > last.Seq:
			return noRow(last.Seq, -1)
		}
	}
	if page.HasMore {
		return nil
	}
	end := int64(-1)
	if len(refs) > 0 {
		end = refs[len(refs)-1].Seq
	}
	return noRow(last.Seq, end)
}
