package memories

import (
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// Reason says why a row is in no chunk: which rule of engram's own export, which
// goes by time, passes over it. Source: local-state.md 1.5.
type Reason string

// The reasons.
const (
	// New: engram's next export can take it.
	New Reason = "new"
	// Older: it was made before the newest manifest entry was, by whomever.
	Older Reason = "older"
	// SameSecond: it was made in the second of the newest manifest entry.
	SameSecond Reason = "same_second"
	// FutureEntry: the newest manifest entry says a time that has not come yet.
	FutureEntry Reason = "future_entry"
	// Edited: chunks hold other text of it.
	Edited Reason = "edit"
	// Conflict: chunks hold a later edit of it, and none ever held this one. It is
	// kept as an observation of its own.
	Conflict Reason = "conflict"
	// Deleted: it was soft-deleted here.
	Deleted Reason = "delete"
	// Removed: it was deleted here for good, and chunks still have it.
	Removed Reason = "hard_delete"
	// Ended: chunks hold the session without this end and summary.
	Ended Reason = "session_end"
)

// reasons tells reasons by the newest entry of a manifest.
type reasons struct {
	newest time.Time // zero if there are no entries
	now    time.Time
}

func (r reasons) observation(o engram.Observation, known bool) Reason {
	if engram.Text(o.DeletedAt) != "" {
		return Deleted
	}
	return r.row(o.CreatedAt, known)
}

func (r reasons) session(s engram.Session, known bool) Reason {
	if known {
		return Ended
	}
	return r.row(s.StartedAt, false)
}

// row judges a row by when it was made.
func (r reasons) row(made string, known bool) Reason {
	if known {
		return Edited
	}
	second := rowtime.Parse(made).Truncate(time.Second)
	switch {
	case r.newest.IsZero() || second.After(r.newest.Truncate(time.Second)) && !r.newest.After(r.now):
		return New
	case r.newest.After(r.now):
		return FutureEntry
	case second.Equal(r.newest.Truncate(time.Second)):
		return SameSecond
	}
	return Older
}
