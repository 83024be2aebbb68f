package engram

import (
	"encoding/json"
	"strings"
)

// payloadFields are the members of a payload that say where a mutation belongs.
type payloadFields struct {
	Project   *string `json:"project"`
	SessionID *string `json:"session_id"`
}

// MutationScope is where a mutation belongs, as far as it says so: deletes of
// engram 1.9.4 name neither project nor session. Source: account-server.md 4.2.
type MutationScope struct {
	Project string
	Session string // of a session: its own id
}

// Scope looks into the payload. The project is the payload's, trimmed as
// servers do when they look whether it is paused, or else the entry's own.
func (e MutationEntry) Scope() MutationScope {
	payload := e.Payload
	if len(payload) > 0 && payload[0] == '"' {
		var text string
		_ = json.Unmarshal(payload, &text)
		payload = json.RawMessage(text)
	}
	var fields payloadFields
	_ = json.Unmarshal(payload, &fields) // what it cannot read stays empty
	var scope MutationScope
	if fields.Project != nil {
		scope.Project = strings.TrimSpace(*fields.Project)
	}
	if scope.Project == "" {
		scope.Project = strings.TrimSpace(e.Project)
	}
	if fields.SessionID != nil {
		scope.Session = *fields.SessionID
	}
	if e.Entity == "session" {
		scope.Session = e.EntityKey
	}
	return scope
}
