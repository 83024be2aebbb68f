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
	// Extra is the text of the members that we don't know, joined by commas: they
	// are passed on.
	Extra string `json:"-"`
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
	Extra      string          `json:"-"` // as in MutationEntry
	// Odd says why the row can't be read: then it has a number, and nothing else.
	Odd string `json:"-"`
}

// Entry is the change that a row of the journal records.
func (r PullMutationResult) Entry() MutationEntry {
	return MutationEntry{Entity: r.Entity, EntityKey: r.EntityKey, Op: r.Op, Payload: r.Payload, Project: r.Project, Extra: r.Extra}
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
	var fields struct {
		Project   *string `json:"project"`
		SessionID *string `json:"session_id"`
		Scope     string  `json:"scope"`
	}
	_ = json.Unmarshal(PayloadObject(e.Payload), &fields) // what it cannot read stays empty
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

// PayloadObject is the object that a payload is, or that its text holds.
func PayloadObject(payload json.RawMessage) []byte {
	if len(payload) > 0 && payload[0] == '"' {
		var text string
		_ = json.Unmarshal(payload, &text) // what it cannot read is empty
		return []byte(text)
	}
	return payload
}

// JournalRef is a row of a journal that a reader is done with: its number, and a
// part of its sum (package rowsum), which tells it from another row that took its number
// after the server was restored.
type JournalRef struct {
	Seq int64
	Sum uint32
}

// Cursor is how far a reader of a mutation journal has come. It is done with
// the rows up to LowWatermark and with those in Recent, and has seen the row
// Last. The zero value is the beginning of the journal.
type Cursor struct {
	UserID string     // of the rows read so far; "" where they have none
	Last   JournalRef // the newest row that was read; zero if there is none
	// LowWatermark is where the next reading starts: rows up to here are settled,
	// and above it some may still become visible.
	LowWatermark int64
	// Recent are the rows above LowWatermark that the reader is done with,
	// ascending. Those above Last were read once, and are not in the journal any more.
	Recent []JournalRef
}

// Start is what the next reading asks for as since: the row at the cursor comes
// again, to see whether the journal is still the same.
func (c Cursor) Start() int64 {
	if c.Last.Seq > 0 {
		return min(c.LowWatermark, c.Last.Seq-1)
	}
	return c.LowWatermark
}
