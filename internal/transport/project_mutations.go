package transport

import (
	"bytes"
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxProjectRows is the most rows that a project server takes in one push of
// mutations. Source: project-server.md 4.1.
const maxProjectRows = 100

// projectBatch makes a batch anew for a server that turned out to be a project server.
func (t *RemoteTransport) projectBatch(entries []MutationEntry, key string) (*batch, error) {
	if err := t.learn(KindProject); err != nil {
		return nil, err
	}
	return t.newBatch(entries, key)
}

// projectEntry is a mutation as a project server wants it: with a project, in
// the form in which the server compares it (it would store another spelling where
// no reader finds it: project-server.md 10, T1), and with an object for a payload.
func (t *RemoteTransport) projectEntry(e MutationEntry) (MutationEntry, error) {
	e.Project = engram.NormalizeProject(e.Project)
	if e.Project == "" {
		var err error
		if e.Project, err = t.project(); err != nil {
			return e, err
		}
	}
	if text := bytes.TrimSpace(e.Payload); len(text) > 0 && text[0] == '"' {
		var inner string
		if json.Unmarshal(text, &inner) == nil && json.Valid([]byte(inner)) {
			e.Payload = json.RawMessage(inner)
		}
	}
	return e, nil
}
