// Package projection works out what the chunks of a directory become on a
// project server. Commands put it between the loops and such a remote; the result
// depends on the chunks, the project and the options alone, so that every run, on
// every machine, makes the same parts.
//
// These are only the rows of one project and the sessions that they need, without
// rows that the server would refuse, in parts of bounded size, each in the
// canonical form whose hash is its id there.
package projection

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// The lists of a chunk.
const (
	listSessions     = "sessions"
	listObservations = "observations"
	listPrompts      = "prompts"
	listMutations    = "mutations"
)

var lists = []string{listSessions, listObservations, listPrompts, listMutations}

// document is a chunk taken apart into rows. Members beside the lists are kept.
type document struct {
	id      engram.ChunkID
	text    []byte            // nil for what is no chunk of the directory
	members map[string][]byte // all that are no list of rows
	rows    map[string][]*row
	size    int // at least that of its text, or of its canonical form
}

// row is one row, and what of it the projection looks at. Members that are not
// of the type that they should be are left to the validation.
type row struct {
	list  string
	index int // in its list, as the chunk has it
	text  []byte
	raw   []byte // text as the chunk has it

	id, session, project, scope, created string

	filled []string // fields that were blank
	gives  string   // the session that the row brings to a server
	judged string   // judgment_status of a relation
}

// clone is the row for somebody who changes it, and leaves it to others as it is.
func (r *row) clone() *row {
	other := *r
	other.filled = slices.Clip(r.filled)
	return &other
}

// of gives the rows of some lists, one list after the other.
func (d document) of(lists ...string) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		for _, list := range lists {
			for _, r := range d.rows[list] {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// source is the document for its canonical form.
func (d document) source() canon.Document {
	rows := make(map[string]iter.Seq[[]byte], len(d.rows))
	for list := range d.rows {
		rows[list] = func(yield func([]byte) bool) {
			for r := range d.of(list) {
				if !yield(r.text) {
					return
				}
			}
		}
	}
	return canon.Document{Members: d.members, Rows: rows, Size: d.size}
}

// key names a session as the server compares it. Source: project-server.md 13 (A6).
func key(id string) string { return strings.TrimSpace(id) }

// parseDocument takes a chunk apart in one pass, and leaves the rows where they
// are in data. Of members with the same name the last one counts, as it does for
// servers (project-server.md 3.2).
func parseDocument(id engram.ChunkID, data []byte) (document, error) {
	p := parser{data: data, scan: jsonscan.New(2), doc: document{id: id, text: data, size: len(data), members: map[string][]byte{}, rows: map[string][]*row{}}, words: words{}}
	for p.at < len(data) {
		n, event, err := p.scan.Next(data[p.at:])
		if err != nil {
			return p.doc, fmt.Errorf("read the rows of a chunk: %w", err)
		}
		from := p.at
		p.at += n
		if err := p.event(event, from); err != nil {
			return p.doc, err
		}
	}
	return p.doc, p.scan.Close()
}

type parser struct {
	data  []byte
	scan  *jsonscan.Scanner
	at    int
	doc   document
	words words

	from [3]int        // where the values at hand begin, by depth
	kind jsonscan.Kind // of the member at hand
	name string        // and its name
	rows []*row        // and its elements
}

// event deals with what the scanner stopped at; from is where it started.
func (p *parser) event(event jsonscan.Event, from int) error {
	depth := p.scan.Depth()
	switch {
	case event == jsonscan.Begin:
		p.from[depth] = p.at
		if depth == 1 {
			p.kind, p.rows = p.scan.Kind(), nil
		}
	case event == jsonscan.Key && depth == 1:
		quoted := p.data[from:p.at]
		if err := json.Unmarshal(quoted[bytes.IndexByte(quoted, '"'):], &p.name); err != nil {
			return fmt.Errorf("read the name of a member: %w", err)
		}
	case event == jsonscan.End && depth == 2 && p.isList() && p.kind == jsonscan.Array:
		p.rows = append(p.rows, newRow(p.name, len(p.rows), p.data[p.from[2]:p.at], p.words))
	case event == jsonscan.End && depth == 1:
		return p.member()
	}
	return nil
}

func (p *parser) isList() bool { return slices.Contains(lists, p.name) }

// member ends a member of the chunk.
func (p *parser) member() error {
	switch {
	case !p.isList():
		p.doc.members[p.name] = p.data[p.from[1]:p.at]
	case p.kind == jsonscan.Array, p.kind == jsonscan.Null:
		p.doc.rows[p.name] = p.rows
	default:
		return fmt.Errorf("read the %s of a chunk: it is not a list", p.name)
	}
	return nil
}

// rowMembers are read as the servers and engram read them: their names match in
// any case (project-server.md 13, A11), so that no spelling hides what a row is.
type rowMembers struct {
	ID      string `json:"id"`
	Session string `json:"session_id"`
	Project string `json:"project"`
	Scope   string `json:"scope"`
	Created string `json:"created_at"`
	Judged  string `json:"judgment_status"`
}

func (m *rowMembers) named(name []byte) *string {
	switch string(name) {
	case "id":
		return &m.ID
	case "session_id":
		return &m.Session
	case "project":
		return &m.Project
	case "scope":
		return &m.Scope
	case "created_at":
		return &m.Created
	case "judgment_status":
		return &m.Judged
	}
	return nil
}

// read takes of a row what fits.
func (m *rowMembers) read(row []byte, known words) {
	plain := jsonscan.Fields(row, func(name, value []byte) bool {
		if to := m.named(name); to != nil && value[0] == '"' {
			*to = known.text(value[1 : len(value)-1])
		}
		return jsonscan.IsExact(name)
	})
	if !plain {
		*m = rowMembers{}
		_ = json.Unmarshal(row, m)
	}
}

// words are texts of rows that were read, each once: most rows have some in common.
type words map[string]string

const maxWords = 1 << 10

func (w words) text(inner []byte) string {
	if known, ok := w[string(inner)]; ok {
		return known
	}
	if !jsonscan.IsPlain(inner) {
		text, _ := jsonscan.AppendText(nil, inner)
		return string(text)
	}
	text := string(inner)
	if len(w) < maxWords {
		w[text] = text
	}
	return text
}

func newRow(list string, index int, text []byte, known words) *row {
	r := &row{list: list, index: index, text: text, raw: text}
	if list == listMutations {
		r.readMutation()
		return r
	}
	var m rowMembers
	m.read(text, known)
	r.id, r.session, r.project, r.scope, r.created = m.ID, m.Session, m.Project, m.Scope, m.Created
	if list == listSessions {
		r.gives = key(r.id)
	}
	return r
}

// readMutation looks into the payload, which is text that holds JSON, or text
// that holds such a text. Source: project-server.md 3.3.
func (r *row) readMutation() {
	var m mutation
	var inside rowMembers
	_ = json.Unmarshal(r.text, &m) // what fits is taken
	_ = json.Unmarshal(m.payload(), &inside)
	r.id, r.session, r.scope, r.created, r.judged = "", inside.Session, inside.Scope, inside.Created, inside.Judged
	r.project = cmp.Or(m.Project, inside.Project)
	if strings.TrimSpace(m.Entity) == "session" {
		r.id = inside.ID
		if m.isUpsert() {
			r.gives = key(r.id)
		}
	}
}

type mutation struct {
	Entity  string `json:"entity"`
	Key     string `json:"entity_key"`
	Op      string `json:"op"`
	Project string `json:"project"`
	Payload string `json:"payload"`
}

func (m mutation) isUpsert() bool { return strings.TrimSpace(m.Op) == "upsert" }

// payload is the JSON of the payload, once unwrapped if it is wrapped twice.
func (m mutation) payload() []byte {
	payload := strings.TrimSpace(m.Payload)
	if inner := ""; json.Unmarshal([]byte(payload), &inner) == nil {
		payload = inner
	}
	return []byte(payload)
}
