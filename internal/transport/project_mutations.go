package transport

import (
	"bytes"
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/canon"
)

// projectEntry is a mutation as a project server wants it: with a project, in
// the form in which the server compares it (it would store another spelling where
// no reader finds it: project-server.md 10, T1), and with an object for a payload.
func (t *RemoteTransport) projectEntry(e MutationEntry) MutationEntry {
	e.Project = canon.NormalizeProject(e.Project)
	if e.Project == "" {
		e.Project = t.opts.Project
	}
	if text := bytes.TrimSpace(e.Payload); len(text) > 0 && text[0] == '"' {
		var inner string
		if json.Unmarshal(text, &inner) == nil && json.Valid([]byte(inner)) {
			e.Payload = json.RawMessage(inner)
		}
	}
	return e
}
