// Package canon gives a chunk the form in which project servers store it, and by
// whose hash they name it. Whoever speaks of chunks with such a server may use
// it: it is pure, without state, clock or anything but its arguments.
//
// Such a server doesn't keep a chunk's bytes: it forces the rows into one project
// and encodes the document anew. Source: project-server.md 3.1 to 3.5, as
// corrected by its section 13 (A1 to A17).
package canon

import (
	"fmt"
	"slices"
)

// Version belongs to every id that is remembered: it changes when these
// functions give another form, and what was remembered under an older one is void.
const Version = 1

// Canonical gives the bytes by whose hash a server names the chunk with this
// data in this project (which it normalises, as the server does). The error is
// a *RowError if one row has no canonical form, and the server would refuse
// the chunk for it; that the others are accepted is for Validate to say. Memory:
// about a copy of data beside the result, and one row in pieces.
//
// "null" is a document too, if only by the server's mistake (3.1).
func Canonical(data []byte, project string) ([]byte, error) {
	return build(data, newWriter(project))
}

// ForPush is Canonical, but with 0 for every -0. A server can't keep a -0: its
// database gives back a 0, so that the chunk never hashes to its id again, and
// answers 409 when it is pushed twice (A8). What is sent in this form has the
// same id from then on: Canonical(ForPush(x)) is ForPush(x).
func ForPush(data []byte, project string) ([]byte, error) {
	w := newWriter(project)
	w.forPush, w.enc.plainZero = true, true
	return build(data, w)
}

// Encode gives a pulled body the form that hashes to its id. It parses and
// encodes, and changes nothing else: the server already forced the rows when it
// stored them, and doing so again could change some ids (A7).
func Encode(body []byte) ([]byte, error) {
	w := newWriter("")
	w.asIs = true
	return build(body, w)
}

func build(data []byte, w *writer) ([]byte, error) {
	members, err := parse(data)
	if err != nil {
		return nil, err
	}
	w.enc.out = make([]byte, 0, len(data)+len(data)/8)
	w.document(members)
	if len(w.problems) > 0 {
		return nil, &w.problems[0]
	}
	return w.enc.out, nil
}

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
	Blank          Reason = "is required"
	UnknownSession Reason = "names a session that neither the chunk nor the server has"
	Nul            Reason = "holds the character U+0000"
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
