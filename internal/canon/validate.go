package canon

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// Validate says which rows of a chunk a project server would refuse: at least one
// RowError for each of them, in the order of the document's names. The server
// itself refuses the whole chunk, for the first that it finds. known says
// whether the server has a session of this (trimmed) id in this project.
//
// A session that is refused counts as unknown. So a chunk without the rows that
// are named here is accepted. The error is about a text that is
// no JSON object.
func (f *Form) Validate(data []byte, project string, known func(sessionID string) bool) ([]RowError, error) {
	d, err := parse(data)
	if err != nil {
		return nil, err
	}
	return f.ValidateDocument(d, project, known), nil
}

// ValidateDocument is Validate for a chunk that was taken apart.
func (f *Form) ValidateDocument(d Document, project string, known func(sessionID string) bool) []RowError {
	w := f.newWriter(project)
	w.checks = &checks{given: map[string]bool{}}
	w.document(d)
	for _, ref := range w.checks.references {
		if !w.checks.given[ref.session] && !known(ref.session) {
			w.refuse(ref.list, ref.index, "session_id", UnknownSession)
		}
	}
	slices.SortStableFunc(w.problems, func(a, b RowError) int {
		return cmp.Or(cmp.Compare(a.List, b.List), cmp.Compare(a.Index, b.Index))
	})
	return w.problems
}

// checks is what has to be known about all rows before one can be judged.
type checks struct {
	given      map[string]bool // the sessions that the chunk brings along
	references []reference
}

type reference struct {
	list    string
	index   int
	session string
}

// mutation remembers the session that a mutation brings, or that it needs. nul says that
// the server cannot keep the row.
func (c *checks) mutation(index int, m mutationRow, p payload, nul bool) {
	switch {
	case m.Op != opUpsert:
	case m.Entity == entitySession && !nul:
		c.given[p.key()] = true
	case p.session() != "":
		c.references = append(c.references, reference{"mutations", index, p.session()})
	}
}

// check judges an element of an array that was written as text, and forgets
// the text: nobody wants it.
func (w *writer) check(key string, index int, text []byte, refused bool) {
	if jsonscan.HoldsNul(text) {
		w.refuse(key, index, "", Nul)
		refused = true
	}
	if list := jsonscan.Alike(key, listNames); list != "" && list != "mutations" {
		w.checkRow(key, index, text, refused)
	}
	w.enc.out = w.enc.out[:0]
}

// checkRow reads a row as the server does; its names in any case count (A11).
func (w *writer) checkRow(key string, index int, text []byte, refused bool) {
	list := jsonscan.Alike(key, listNames)
	if session, good := isGood(list, text); good {
		w.checks.refer(key, index, session)
		return
	}
	required, session, err := w.form.readRow(list, text)
	if err != nil {
		problem := wrongType(err)
		if problem.Field == "" {
			problem.Reason = NotObject
		}
		w.refuse(key, index, problem.Field, problem.Reason)
		refused = true
	}
	for _, f := range required {
		if strings.TrimSpace(f.value) == "" {
			w.refuse(key, index, f.name, Blank)
			refused = true
		}
	}
	w.checks.refer(key, index, []byte(session))
	if list == "sessions" && !refused {
		w.checks.given[strings.TrimSpace(required[0].value)] = true // its id
	}
}

// refer remembers that a row needs its session.
func (c *checks) refer(list string, index int, session []byte) {
	session = bytes.TrimSpace(session)
	if len(session) == 0 {
		return
	}
	ref := reference{list: list, index: index}
	if n := len(c.references); n > 0 && c.references[n-1].session == string(session) { // as those of most rows
		ref.session = c.references[n-1].session
	} else {
		ref.session = string(session)
	}
	c.references = append(c.references, ref)
}

// checkSingle judges a member that is not an array. Null passes for a list.
func (w *writer) checkSingle(key string, text []byte) {
	if jsonscan.Alike(key, listNames) != "" && string(text) != "null" {
		w.refuse(key, -1, "", NotRows)
	}
	if jsonscan.HoldsNul(text) {
		w.refuse(key, -1, "", Nul)
	}
	w.enc.out = w.enc.out[:0]
}

// readRow reads a row of sessions, observations or prompts with the types that
// the server demands of its members: null passes for any of them. It gives the
// fields that must not be blank, and the session that the row belongs to, or "".
// Source: project-server.md 3.4 and A17.
func (f *Form) readRow(list string, text []byte) (required []field, session string, err error) {
	switch list {
	case "sessions":
		var r engram.Session
		var more sessionRow
		err = errors.Join(json.Unmarshal(text, &r), json.Unmarshal(text, &more))
		ownership, _ := more.Ownership.text() // else it is nobody's
		return f.sessionFields(r.ID, engram.Text(ownership), more.Directory), "", err
	case "observations":
		var r engram.Observation
		err = json.Unmarshal(text, &r)
		return []field{{"sync_id", r.SyncID}, {"session_id", r.SessionID}, {"type", r.Type},
			{"title", r.Title}, {"content", r.Content}, {"scope", r.Scope}}, r.SessionID, err
	default:
		var r engram.Prompt
		err = json.Unmarshal(text, &r)
		return []field{{"sync_id", r.SyncID}, {"session_id", r.SessionID}, {"content", r.Content}}, r.SessionID, err
	}
}

// sessionRow is what decides whether a session needs a directory.
type sessionRow struct {
	Ownership loose `json:"ownership_mode"`
	Directory given `json:"directory"`
}
