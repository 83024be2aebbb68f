package engram

import (
	"encoding/json"
	"strings"
)

// MutationEntry is one change on its way to a server. Payload is JSON text that
// is passed on as it is, byte for byte: an object, or a string that holds one.
// Source: account-server.md 4.1, project-server.md 4.1.
type MutationEntry struct {
	Entity    string          `json:"entity"`
	EntityKey string          `json:"entity_key"`
	Op        string          `json:"op"`
	Payload   json.RawMessage `json:"payload"`
	// Project is what project servers file the change under; "" where nobody
	// said. Account servers look into the payload instead.
	Project string `json:"project,omitempty"`
}

// PushMutationsResult is a server's answer to a batch that it stored.
type PushMutationsResult struct {
	Accepted int   `json:"accepted"`
	LastSeq  int64 `json:"last_seq"` // of the batch's last row; no cursor: see account-server.md 4.4
}

// PullMutationResult is one row of a server's journal. UserID comes from account
// servers, Project from project servers; "" where there is none. OccurredAt is
// the server's time as it wrote it, RFC 3339.
type PullMutationResult struct {
	Seq        int64           `json:"seq"`
	UserID     string          `json:"user_id,omitempty"`
	Project    string          `json:"project,omitempty"`
	Entity     string          `json:"entity"`
	EntityKey  string          `json:"entity_key"`
	Op         string          `json:"op"`
	Payload    json.RawMessage `json:"payload"`
	OccurredAt string          `json:"occurred_at"`
}

// Entry is the change that a row of the journal records.
func (r PullMutationResult) Entry() MutationEntry {
	return MutationEntry{Entity: r.Entity, EntityKey: r.EntityKey, Op: r.Op, Payload: r.Payload, Project: r.Project}
}

// PullMutationsResponse is one page of a journal, ascending by Seq.
type PullMutationsResponse struct {
	Mutations []PullMutationResult `json:"mutations"`
	HasMore   bool                 `json:"has_more"`

	// Now is the server's clock when it answered, in Unix seconds; 0 if it did not say.
	Now int64 `json:"-"`
	// CommitOrdered says that the server promises that no row ever becomes
	// visible below one that a reader has seen, so that no window has to be
	// read again. Only engram-sync's own server does.
	CommitOrdered bool `json:"-"`
	// Head is the seq of the journal's newest row, where a server that is
	// CommitOrdered tells it; 0 is an empty journal.
	Head int64 `json:"-"`
}

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
	Name    string // "project" or "personal"
}

// IsPersonal says whether rows of a scope are nobody else's business.
func IsPersonal(scope string) bool { return strings.EqualFold(strings.TrimSpace(scope), "personal") }

// Scope looks into the payload. The project is the payload's, trimmed as
// servers do when they look whether it is paused, or else the entry's own.
func (e MutationEntry) Scope() MutationScope {
	payload := e.Payload
	if len(payload) > 0 && payload[0] == '"' {
		var text string
		_ = json.Unmarshal(payload, &text)
		payload = json.RawMessage(text)
	}
	var fields struct {
		payloadFields
		Scope string `json:"scope"`
	}
	_ = json.Unmarshal(payload, &fields) // what it cannot read stays empty
	scope := MutationScope{Name: strings.TrimSpace(fields.Scope)}
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
