package engram

import (
	"errors"
	"fmt"
	"slices"
)

// ErrDamaged is wrapped by every error about content that is not what its name
// says: a wrong hash, a cut file, text that is not one JSON object.
var ErrDamaged = errors.New("damaged")

// ErrNoFile means that a manifest names a chunk whose file is nowhere.
var ErrNoFile = errors.New("the manifest lists it, but its file is missing")

// DamageError says what is wrong with the content of one chunk. errors.Is
// finds ErrDamaged in it.
type DamageError struct {
	ID     ChunkID // zero where the content has no name yet
	Reason string
	Err    error // the cause, where there is one
}

func (e *DamageError) Error() string {
	text := e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.ID.IsZero() {
		return "chunk content is damaged: " + text
	}
	return fmt.Sprintf("chunk %s is damaged: %s", e.ID, text)
}

func (e *DamageError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrDamaged}
	}
	return []error{ErrDamaged, e.Err}
}

// MismatchError is the damage of content that is one whole JSON object, but
// hashes to another id than its name.
type MismatchError struct {
	ID, Actual ChunkID
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("chunk %s is damaged: its bytes hash to %s", e.ID, e.Actual)
}

func (e *MismatchError) Unwrap() error { return ErrDamaged }

// ReducedError means that a chunk is what an old client made of it while
// pushing: whole, but re-encoded with fewer fields, so that its bytes cannot
// hash to its id. Asking again won't bring the lost fields back.
// Source: account-server.md 3.6.
type ReducedError struct {
	ID     ChunkID // that the server gives it
	Actual ChunkID // that its bytes hash to
}

func (e *ReducedError) Error() string {
	return fmt.Sprintf("chunk %s was re-encoded by an old client and cannot be verified: its bytes hash to %s", e.ID, e.Actual)
}

// ErrConflictMarkers is the cause in a ManifestError where git left both sides
// of a merge in the file.
var ErrConflictMarkers = errors.New("git conflict markers")

// ErrTwice is the cause in a ManifestError where a member stands twice, or an
// entry is listed twice: git's union merge leaves such a text.
var ErrTwice = errors.New("stands twice")

// ErrBOM is the cause in a ManifestError where an editor has put a byte order
// mark before the text: engram cannot read it then.
var ErrBOM = errors.New("it begins with a byte order mark")

// ManifestError says what is wrong with a manifest, and where. errors.Is finds
// ErrDamaged in it.
type ManifestError struct {
	Line  int // from 1; 0 where it is about the whole
	Entry int // from 1; 0 where it is not about an entry
	Err   error
}

func (e *ManifestError) Error() string {
	switch {
	case e.Entry > 0:
		return fmt.Sprintf("line %d, entry %d: %v", e.Line, e.Entry, e.Err)
	case e.Line > 0:
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return e.Err.Error()
}

func (e *ManifestError) Unwrap() []error { return []error{ErrDamaged, e.Err} }

// ErrOutcomeUnknown means that a request may or may not have been applied: it
// was sent, and no answer came that can be believed.
var ErrOutcomeUnknown = errors.New("outcome unknown")

// UncertainError is an ErrOutcomeUnknown, and nothing else that callers decide
// on: whatever led to it is no reason to send again.
type UncertainError struct {
	// Done says that the server itself answered, so that nothing is under way
	// any more and one look is enough. Otherwise it may still be at work.
	Done bool
	// Brief says that a proxy could not pass it on, or lost its connection to the
	// server: whatever is under way ends soon.
	Brief bool
	Err   error // the reason, for the text only
}

func (e *UncertainError) Error() string { return e.Err.Error() }

// Unwrap gives ErrOutcomeUnknown alone.
func (e *UncertainError) Unwrap() error { return ErrOutcomeUnknown }

// ContentError means that a server refuses a batch for what a row in it says:
// nothing of it was stored, and sending it again will not help. Where the server does
// not say which rows it means, they are to be found by halving the batch. Source:
// account-server.md 4.1, project-server.md 4.1.
type ContentError struct {
	Err error
	// Invalid are the rows that the server names, by their index in the batch, and the
	// member that it does not take; each is one of the batch. A server can be wrong.
	Invalid map[int]string
}

func (e *ContentError) Error() string { return e.Err.Error() }

func (e *ContentError) Unwrap() error { return e.Err }

// PausedError means that an operator has paused a project: nothing of the
// batch was stored. Source: account-server.md 4.5, project-server.md 4.3.
type PausedError struct {
	Project string // as the server names it
	Err     error
}

func (e *PausedError) Error() string { return e.Err.Error() }

func (e *PausedError) Unwrap() error { return e.Err }

// BatchTooLargeError means that a batch is over the server's limit: nothing of
// it was stored.
type BatchTooLargeError struct {
	Limit int64 // of the request's body in bytes; 0 where the server does not say
	Rows  int
	// Stranger: not the server said so, but something before it, whose limit can be
	// anything. Of a single row that says nothing.
	Stranger bool
	Err      error
}

func (e *BatchTooLargeError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("%d mutations are too large: the server takes at most %d bytes in one push", e.Rows, e.Limit)
}

func (e *BatchTooLargeError) Unwrap() error { return e.Err }

// RowNote is a row that a server would refuse, or one that was changed so
// that it does not, and why.
type RowNote struct {
	List   string `json:"list"`  // "sessions", "observations", "prompts" or "mutations", else what a chunk calls it
	Index  int    `json:"index"` // -1 for all of the list
	Field  string `json:"field"`
	Reason string `json:"reason"`
	// Row tells the row from every other one, for as long as it lies where it does;
	// "" of what was only changed.
	Row string `json:"row,omitempty"`
}

// Reasons that messages speak of in words of their own.
const (
	Required         = "is required"
	DependsOnLeftOut = "names a session that is left out"
)

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
