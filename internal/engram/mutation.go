package engram

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrOutcomeUnknown means that a request may or may not have been applied: it
// was sent, and no answer came that can be believed.
var ErrOutcomeUnknown = errors.New("outcome unknown")

// UncertainError is an ErrOutcomeUnknown, and nothing else that callers decide
// on: whatever led to it is no reason to send again.
type UncertainError struct {
	// Done says that the server itself answered, so that nothing is under way
	// any more and one look is enough. Otherwise it may still be at work.
	Done bool
	Err  error // the reason, for the text only
}

func (e *UncertainError) Error() string { return e.Err.Error() }

// Unwrap gives ErrOutcomeUnknown alone.
func (e *UncertainError) Unwrap() error { return ErrOutcomeUnknown }

// MutationEntry is one change on its way to a server. Payload is JSON text that
// is passed on as it is, byte for byte: an object, or a string that holds one.
// Source: account-server.md 4.1, project-server.md 4.1.
type MutationEntry struct {
	Entity    string          `json:"entity"`
	EntityKey string          `json:"entity_key"`
	Op        string          `json:"op"`
	Payload   json.RawMessage `json:"payload"`
	// Project is what project servers file the change under; "" where nobody
	// said. Account servers look into the payload instead.
	Project string `json:"project,omitempty"`
}

// PushMutationsResult is a server's answer to a batch that it stored.
type PushMutationsResult struct {
	Accepted int   `json:"accepted"`
	LastSeq  int64 `json:"last_seq"` // of the batch's last row; no cursor: see account-server.md 4.4
}

// PullMutationResult is one row of a server's journal. UserID comes from account
// servers, Project from project servers; "" where there is none. OccurredAt is
// the server's time as it wrote it, RFC 3339.
type PullMutationResult struct {
	Seq        int64           `json:"seq"`
	UserID     string          `json:"user_id,omitempty"`
	Project    string          `json:"project,omitempty"`
	Entity     string          `json:"entity"`
	EntityKey  string          `json:"entity_key"`
	Op         string          `json:"op"`
	Payload    json.RawMessage `json:"payload"`
	OccurredAt string          `json:"occurred_at"`
}

// Entry is the change that a row of the journal records.
func (r PullMutationResult) Entry() MutationEntry {
	return MutationEntry{Entity: r.Entity, EntityKey: r.EntityKey, Op: r.Op, Payload: r.Payload, Project: r.Project}
}

// PullMutationsResponse is one page of a journal, ascending by Seq.
type PullMutationsResponse struct {
	Mutations []PullMutationResult `json:"mutations"`
	HasMore   bool                 `json:"has_more"`

	// Now is the server's clock when it answered, in Unix seconds; 0 if it did not say.
	Now int64 `json:"-"`
	// CommitOrdered says that the server promises that no row ever becomes
	// visible below one that a reader has seen, so that no window has to be
	// read again. Only engram-sync's own server does.
	CommitOrdered bool `json:"-"`
	// Head is the seq of the journal's newest row, where a server that is
	// CommitOrdered tells it; 0 is an empty journal.
	Head int64 `json:"-"`
}

// ContentError means that a server refuses a batch for what a row in it says:
// nothing of it was stored, and sending it again will not help. The row is to be
// found by halving the batch. Source: account-server.md 4.1, project-server.md 4.1.
type ContentError struct{ Err error }

func (e *ContentError) Error() string { return e.Err.Error() }

// Unwrap gives the transport's error.
func (e *ContentError) Unwrap() error { return e.Err }

// PausedError means that an operator has paused a project: nothing of the
// batch was stored. Source: account-server.md 4.5, project-server.md 4.3.
type PausedError struct {
	Project string // as the server names it
	Err     error
}

func (e *PausedError) Error() string { return e.Err.Error() }

// Unwrap gives the transport's error.
func (e *PausedError) Unwrap() error { return e.Err }

// BatchTooLargeError means that a batch is over the server's limit: nothing of
// it was stored.
type BatchTooLargeError struct {
	Limit int64 // of the request's body in bytes; 0 where the server does not say
	Rows  int
	Err   error
}

func (e *BatchTooLargeError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("%d mutations are too large: the server takes at most %d bytes in one push", e.Rows, e.Limit)
}

// Unwrap gives the transport's error.
func (e *BatchTooLargeError) Unwrap() error { return e.Err }
