// Package canon gives a chunk the form in which project servers store it, and by
// whose hash they name it. Whoever speaks of chunks with such a server may use
// it: it is pure, without state, clock or anything but its arguments.
//
// Such a server doesn't keep a chunk's bytes: it forces the rows into one project
// and encodes the document anew, in a form of its generation. Source: project-server.md
// 3.1 to 3.5, as corrected by its section 13 (A1 to A17), and engram-2.md 4.4.
package canon

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// parse splits a document into the texts of its members; of two with one name,
// the last wins. No members at all (nil) means null.
func parse(data []byte) (members map[string][]byte, err error) {
	members = map[string][]byte{}
	scan := jsonscan.New(1)
	name, from := "", 0
	for at := 0; at < len(data); {
		n, event, err := scan.Next(data[at:])
		if err != nil {
			return nil, notAnObject(err)
		}
		before := at
		at += n
		switch depth := scan.Depth(); {
		case event == jsonscan.Key:
			open := before + bytes.IndexByte(data[before:at], '"')
			text, _ := jsonscan.AppendText(nil, data[open+1:at-1])
			name = string(text)
		case event == jsonscan.Begin && depth == 0 && scan.Kind() == jsonscan.Null:
			members = nil
		case event == jsonscan.Begin && depth == 0 && scan.Kind() != jsonscan.Object:
			return nil, notAnObject(errors.New("it is another value"))
		case event == jsonscan.Begin:
			from = at
		case event == jsonscan.End && depth == 1:
			members[name] = data[from:at]
		}
	}
	if err := scan.Close(); err != nil {
		return nil, notAnObject(err)
	}
	return members, nil
}

func notAnObject(err error) error { return fmt.Errorf("the chunk is not a JSON object: %w", err) }

// writer writes one document, row by row. What it learns about the rows on the way, it
// keeps for the sessions, which come last in the order of names.
type writer struct {
	form    *Form
	project string
	asIs    bool // encode only, force nothing
	forPush bool // give a form that stays the same when it is given again
	enc     rewriter

	// checks is nil if nobody wants to know what 3.4 says about the rows.
	checks *checks

	problems []RowError
	keepsOwn bool            // sessions that nothing names keep their own project
	named    map[string]bool // the sessions that something names, by trimmed id
}

func (f *Form) newWriter(project string) *writer {
	return &writer{form: f, project: f.project(project), named: map[string]bool{}}
}

func (w *writer) refuse(list string, index int, field string, reason Reason) {
	w.problems = append(w.problems, RowError{List: list, Index: index, Field: field, Reason: reason})
}

// document writes all members. In their order mutations, observations and
// prompts, which name sessions, stand before the sessions.
func (w *writer) document(members map[string][]byte) {
	if members == nil {
		w.enc.out = append(w.enc.out, "null"...)
		return
	}
	_, w.keepsOwn = members["mutations"]
	w.enc.out = append(w.enc.out, '{')
	for i, key := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			w.enc.out = append(w.enc.out, ',')
		}
		w.enc.word(key)
		w.enc.out = append(w.enc.out, ':')
		w.member(key, members[key])
		if w.checks != nil && strings.IndexByte(key, 0) >= 0 {
			w.refuse(key, -1, "", Nul)
		}
	}
	w.enc.out = append(w.enc.out, '}')
}

func (w *writer) member(key string, text []byte) {
	isList := slices.Contains(listNames, key) && !w.asIs
	switch {
	case isList && string(text) == "null":
		w.enc.out = append(w.enc.out, "[]"...)
	case text[0] == '[':
		w.list(key, text, isList)
	case isList:
		w.refuse(key, -1, "", NotRows)
	default:
		w.single(key, text)
	}
}

// list writes an array, element by element.
func (w *writer) list(key string, text []byte, rows bool) {
	w.enc.out = append(w.enc.out, '[')
	at := skipSpace(text, 1)
	for i := 0; text[at] != ']'; i++ {
		if text[at] == ',' {
			w.enc.out = append(w.enc.out, ',')
			at = skipSpace(text, at+1)
		}
		at = skipSpace(text, w.element(key, i, text, at, rows))
	}
	w.enc.out = append(w.enc.out, ']')
}

// element writes an element of an array, and says where it ends.
func (w *writer) element(key string, index int, text []byte, at int, isRow bool) (end int) {
	w.enc.tooBig, w.enc.tooDeep = false, false
	start, isObject := len(w.enc.out), text[at] == '{'
	switch {
	case !isRow || !isObject:
		end = w.enc.value(text, at, 2)
	default:
		end = w.enc.open(text, at, 3)
	}
	if w.enc.tooBig {
		w.refuse(key, index, "", TooBig)
	}
	before := len(w.problems)
	switch {
	case !isRow:
	case !isObject:
		w.refuse(key, index, "", NotObject)
		return end
	case key == "mutations":
		if !w.mutation(index, start) {
			return end
		}
	default:
		w.force(key)
		w.enc.close(0, start)
	}
	switch {
	case w.enc.tooDeep:
		w.refuse(key, index, "", TooDeep)
	case w.checks != nil:
		w.check(key, index, w.enc.out[start:], len(w.problems) > before)
	}
	return end
}

// force files the row that is open under the project. Source: project-server.md 3.3, A6: only
// the exact names of a row's members count here.
func (w *writer) force(key string) {
	if key == "sessions" {
		id, _ := w.decoded("id")
		id = bytes.TrimSpace(id)
		if w.keepsOwn && len(id) > 0 && !w.named[string(id)] {
			return
		}
	} else if id, ok := w.decoded("session_id"); ok {
		w.name(bytes.TrimSpace(id))
	}
	w.enc.add(0, "project", w.project)
}

// decoded is the text of a member of the row that is open, if it is one.
func (w *writer) decoded(name string) (text []byte, ok bool) {
	value := w.enc.last(0, name)
	if len(value) == 0 || value[0] != '"' {
		return nil, false
	}
	return unquoted(value), true
}

// unquoted is the text of a string in canonical form.
func unquoted(value []byte) []byte {
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') >= 0 {
		inner, _ = jsonscan.AppendText(nil, inner)
	}
	return inner
}

// name remembers that something names a session.
func (w *writer) name(session []byte) {
	if !w.named[string(session)] {
		w.named[string(session)] = true
	}
}

// single writes a member that is not an array.
func (w *writer) single(key string, text []byte) {
	w.enc.tooBig, w.enc.tooDeep = false, false
	start := len(w.enc.out)
	w.enc.value(text, 0, 1)
	switch {
	case w.enc.tooBig:
		w.refuse(key, -1, "", TooBig)
	case w.enc.tooDeep:
		w.refuse(key, -1, "", TooDeep)
	case w.checks != nil:
		w.checkSingle(key, w.enc.out[start:])
	}
}

// listNames are the members that the server reads rows from. It doesn't look at
// case when it does, though only the exact name is forced (A11).
var listNames = []string{"sessions", "observations", "prompts", "mutations"}

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
func (f *Form) Canonical(data []byte, project string) ([]byte, error) {
	return build(data, f.newWriter(project))
}

// ForPush is Canonical, but with 0 for every -0. A server can't keep a -0: its
// database gives back a 0, so that the chunk never hashes to its id again, and
// answers 409 when it is pushed twice (A8). What is sent in this form has the
// same id from then on: Canonical(ForPush(x)) is ForPush(x).
func (f *Form) ForPush(data []byte, project string) ([]byte, error) {
	w := f.newWriter(project)
	w.forPush, w.enc.plainZero = true, true
	return build(data, w)
}

// Encode gives a pulled body the form that hashes to its id. It parses and
// encodes, and changes nothing else: the server already forced the rows when it
// stored them, and doing so again could change some ids (A7).
func Encode(body []byte) ([]byte, error) {
	w := form1.newWriter("") // which does not matter: nothing is a row
	w.asIs = true
	return build(body, w)
}

// Pulled gives a pulled body the form that fits its id. That is what Encode makes of
// it, unless the server has put what it stored into another form since; where none
// fits, that is damage, and it comes back encoded.
func Pulled(body []byte, project string, fits func([]byte) bool) ([]byte, error) {
	encoded, err := Encode(body)
	if err != nil || fits(encoded) {
		return encoded, err
	}
	for _, f := range Known() {
		if text, err := f.Canonical(body, project); err == nil && fits(text) {
			return text, nil
		}
	}
	return encoded, nil
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
	Blank          Reason = engram.Required
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
