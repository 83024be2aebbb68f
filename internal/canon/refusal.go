package canon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Reason is why a server refuses a row, in words that follow the row's name.
type Reason string

// The reasons. All of them are the server's, not ours (project-server.md 3.3,
// 3.4, A15 and A16).
const (
	NotRows        Reason = "is not a list of rows"
	NotObject      Reason = "is not an object"
	WrongType      Reason = "has the wrong type"
	TooBig         Reason = "holds a number that is too big"
	TooDeep        Reason = "is nested too deep"
	Blank          Reason = engram.Required
	UnknownSession Reason = "names a session that neither the chunk nor the server has"
	Nul            Reason = "holds the character U+0000" // the server's database does not take it (A15)
	NoPayload      Reason = "has no payload"
	BadPayload     Reason = "has a payload that is not an object"
	Unsupported    Reason = "is of an entity and op that the server does not know"
	KeyDiffers     Reason = "has another entity_key than its payload"
)

// RowError names a row that a server refuses, and why.
type RowError struct {
	// List is the top-level member as the document spells it: "sessions",
	// "observations", "prompts", "mutations", or one that the server only keeps.
	List string
	// Index counts from 0; -1 stands for the member as a whole.
	Index int
	// Field is the member of the row, or of the mutation's payload, that the
	// reason is about; "" if it is about the row.
	Field  string
	Reason Reason
}

// unjudged are what engram says of relations that nobody has marked. It writes those into
// chunks, and its own servers refuse each of them, so that none ever has one. Source:
// engram-2.md 2.4, project-server.md 3.3.
var unjudged = []string{"pending", "superseded"}

// Unjudged says whether it is a relation that is refused, whose judgment_status this is,
// only since nobody has judged it: no server misses it.
func (e *RowError) Unjudged(status string) bool {
	return e.Reason == Blank && strings.HasPrefix(e.Field, "marked_by_") && slices.Contains(unjudged, strings.TrimSpace(status))
}

func (e *RowError) Error() string {
	where := fmt.Sprintf("%.40q", e.List)
	if slices.Contains(listNames, e.List) {
		where = e.List // one of four words; other names are a stranger's
	}
	if e.Index >= 0 {
		where += fmt.Sprintf("[%d]", e.Index)
	}
	if e.Field != "" {
		where += fmt.Sprintf(" %s", e.Field)
	}
	return where + " " + string(e.Reason)
}
