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
	"crypto/sha256"
	"iter"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

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
	// take gets the text piece by piece, if nobody wants to have it whole. It is false when
	// that is enough.
	take   func(piece []byte) bool
	enough bool

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
func (w *writer) document(d Document) {
	if d.isNull {
		w.enc.out = append(w.enc.out, "null"...)
		return
	}
	w.keepsOwn = d.has("mutations")
	w.enc.out = append(w.enc.out, '{')
	for i, key := range d.names() {
		if i > 0 {
			w.enc.out = append(w.enc.out, ',')
		}
		w.enc.word(key)
		w.enc.out = append(w.enc.out, ':')
		if rows := d.Rows[key]; rows != nil {
			w.rows(key, rows)
		} else {
			w.member(key, d.Members[key])
		}
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
		w.handOver(pieceSize)
	}
	w.enc.out = append(w.enc.out, ']')
}

// rows writes a list of rows.
func (w *writer) rows(key string, rows iter.Seq[[]byte]) {
	w.enc.out = append(w.enc.out, '[')
	i := 0
	for row := range rows {
		if i > 0 {
			w.enc.out = append(w.enc.out, ',')
		}
		w.element(key, i, row, 0, true)
		if w.handOver(pieceSize); w.enough {
			return
		}
		i++
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
	w.enc.add("project", w.project)
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
// that of the result, and of one row.
//
// "null" is a document too, if only by the server's mistake (3.1).
func (f *Form) Canonical(data []byte, project string) ([]byte, error) {
	d, err := parse(data)
	if err != nil {
		return nil, err
	}
	return f.newWriter(project).build(d)
}

// ForPush is Canonical, but with 0 for every -0. A server can't keep a -0: its
// database gives back a 0, so that the chunk never hashes to its id again, and
// answers 409 when it is pushed twice (A8). What is sent in this form has the
// same id from then on: Canonical(ForPush(x)) is ForPush(x).
func (f *Form) ForPush(data []byte, project string) ([]byte, error) {
	d, err := parse(data)
	if err != nil {
		return nil, err
	}
	return f.PushForm(d, project)
}

// pieceSize is about the least that is handed over of a text.
const pieceSize = 64 << 10

// handOver hands over what there is of the text, if that is so much.
func (w *writer) handOver(least int) {
	if w.take != nil && len(w.enc.out) >= least && !w.enough {
		w.enough = !w.take(w.enc.out)
		w.enc.out = w.enc.out[:0]
	}
}

// PushSum is the hash and the size of what PushForm gives, and needs no memory for that.
func (f *Form) PushSum(d Document, project string) (sum [sha256.Size]byte, size int, err error) {
	h := sha256.New()
	for piece, err := range f.PushPieces(d, project) {
		if err != nil {
			return sum, size, err
		}
		h.Write(piece)
		size += len(piece)
	}
	h.Sum(sum[:0])
	return sum, size, nil
}

// PushPieces is what PushForm gives, in pieces that are only good until the next one comes.
// One that comes with an error is the last one.
func (f *Form) PushPieces(d Document, project string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		w := f.newWriter(project)
		w.forPush, w.enc.plainZero, d.Size = true, true, 2*pieceSize
		w.take = func(piece []byte) bool { return yield(piece, nil) }
		if _, err := w.build(d); err != nil && !w.enough {
			yield(nil, err)
			return
		}
		w.handOver(0)
	}
}

// PushForm is ForPush for a chunk that was taken apart.
func (f *Form) PushForm(d Document, project string) ([]byte, error) {
	w := f.newWriter(project)
	w.forPush, w.enc.plainZero = true, true
	return w.build(d)
}

// Encode gives a pulled body the form that hashes to its id. It parses and
// encodes, and changes nothing else: the server already forced the rows when it
// stored them, and doing so again could change some ids (A7).
func Encode(body []byte) ([]byte, error) {
	d, err := parse(body)
	if err != nil {
		return nil, err
	}
	w := form1.newWriter("") // which does not matter: nothing is a row
	w.asIs = true
	return w.build(d)
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

func (w *writer) build(d Document) ([]byte, error) {
	w.enc.out = make([]byte, 0, d.Size)
	w.document(d)
	if len(w.problems) > 0 {
		return nil, &w.problems[0]
	}
	return w.enc.out, nil
}
