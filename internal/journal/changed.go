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
	if seq, other := p.seen.conflict(refs, p.Cursor.Last.Seq); other {
		return &ChangedError{Seq: seq, Other: true, End: -1}
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
		return &ChangedError{Seq: last.Seq, End: page.Head}
	}
	for _, m := range refs {
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
	if len(refs) > 0 {
		end = refs[len(refs)-1].Seq
	}
	return &ChangedError{Seq: last.Seq, End: end}
}
