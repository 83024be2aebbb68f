package engram

import (
	"errors"
	"fmt"
	"slices"
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

// RowNote is a row that a server would refuse, or one that was changed so
// that it does not, and why.
type RowNote struct {
	List   string `json:"list"`  // "sessions", "observations", "prompts" or "mutations", else what a chunk calls it
	Index  int    `json:"index"` // -1 for all of the list
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// String is the row as a message names it.
func (r RowNote) String() string {
	list := r.List
	if !slices.Contains([]string{"sessions", "observations", "prompts", "mutations"}, list) {
		list = fmt.Sprintf("%.40q", list) // a stranger's word
	}
	text := list
	if r.Index >= 0 {
		text = fmt.Sprintf("%s[%d]", list, r.Index)
	}
	if r.Field != "" {
		text += "." + r.Field
	}
	return text + " " + r.Reason
}
