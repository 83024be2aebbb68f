// Package projection works out what the chunks of a directory become on a
// project server: only the rows of one project and the sessions that they need,
// without rows that the server would refuse, in parts of bounded size, each in
// the canonical form whose hash is its id there. The result depends on the
// chunks, the project and the options alone, so that every run, on every
// machine, makes the same parts.
package projection

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/engram-sync/engram-sync/internal/canon"
)

// The lists of a chunk.
const (
	listSessions     = "sessions"
	listObservations = "observations"
	listPrompts      = "prompts"
	listMutations    = "mutations"
)

// document is a chunk taken apart into rows. Members beside the lists are kept.
type document struct {
	members map[string]json.RawMessage // all that are no list of rows
	rows    map[string][]row
}

// row is one row, and what of it the projection looks at. Members that are not
// of the type that they should be are left to the validation.
type row struct {
	list  string
	index int // in its list, as the chunk has it
	text  json.RawMessage

	id, session, project, scope string
}

// key names a session as the server compares it. Source: project-server.md 13 (A6).
func key(id string) string { return strings.TrimSpace(id) }

func parseDocument(data []byte) (document, error) {
	doc := document{rows: map[string][]row{}}
	if err := json.Unmarshal(data, &doc.members); err != nil {
		return doc, fmt.Errorf("read the rows of a chunk: %w", err)
	}
	for _, list := range []string{listSessions, listObservations, listPrompts, listMutations} {
		text, ok := doc.members[list]
		if !ok {
			continue
		}
		var rows []json.RawMessage
		if err := json.Unmarshal(text, &rows); err != nil {
			return doc, fmt.Errorf("read the %s of a chunk: %w", list, err)
		}
		delete(doc.members, list)
		doc.rows[list] = make([]row, len(rows))
		for i, text := range rows {
			doc.rows[list][i] = newRow(list, i, text)
		}
	}
	return doc, nil
}

func newRow(list string, index int, text json.RawMessage) row {
	r := row{list: list, index: index, text: text}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return r
	}
	for name, target := range map[string]*string{
		"id": &r.id, "session_id": &r.session, "project": &r.project, "scope": &r.scope,
	} {
		var value string
		if json.Unmarshal(members[name], &value) == nil {
			*target = value
		}
	}
	if list == listMutations {
		r.ofMutation(members)
	}
	return r
}

// ofMutation looks into the payload, which is text that holds JSON.
func (r *row) ofMutation(members map[string]json.RawMessage) {
	var payload, entity string
	_ = json.Unmarshal(members["payload"], &payload) // what is no text is for the validation
	_ = json.Unmarshal(members["entity"], &entity)
	inside := newRow("", 0, json.RawMessage(payload))
	r.id, r.session, r.scope = inside.id, inside.session, inside.scope
	if r.project == "" {
		r.project = inside.project
	}
	if strings.TrimSpace(entity) != "session" {
		r.id = ""
	}
}

// personal says whether a row is nobody else's business.
func (r row) personal() bool { return strings.EqualFold(strings.TrimSpace(r.scope), "personal") }

// belongsTo is the project of a row: its own, or that of its session.
func (r row) belongsTo(sessions map[string]Session) string {
	if p := canon.NormalizeProject(r.project); p != "" {
		return p
	}
	if s, ok := sessions[key(r.session)]; ok {
		return s.Project
	}
	return ""
}
