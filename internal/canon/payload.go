package canon

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

const (
	opUpsert = "upsert"
	opDelete = "delete"

	entitySession     = "session"
	entityObservation = "observation"
	entityPrompt      = "prompt"
	entityRelation    = "relation"
)

// payload is what a mutation carries. Its fields are declared in the order in
// which servers write them, for all forms (engram-2.md 2.2); a pointer means that an
// empty text stays, and only an absent one or null goes (project-server.md 3.3, A13).
type payload interface {
	// normalize trims, files the payload under the project, drops what the form does
	// not know and says what is wrong with the first field of which something is.
	normalize(f *Form, upsert bool, project string) *RowError
	// key is the value that must equal the mutation's entity_key.
	key() string
	// session is the session that the payload belongs to, or "".
	session() string
}

func newPayload(entity, op string) payload {
	switch {
	case op != opUpsert && (op != opDelete || entity == entityRelation):
		return nil
	case entity == entitySession:
		return &sessionPayload{}
	case entity == entityObservation:
		return &observationPayload{}
	case entity == entityPrompt:
		return &promptPayload{}
	case entity == entityRelation:
		return &relationPayload{}
	}
	return nil
}

// readPayload reads the text of a payload, which may be JSON in a string once more (A12).
func readPayload(entity, op, text string) (payload, *RowError) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, &RowError{Field: "payload", Reason: NoPayload}
	}
	p := newPayload(entity, op)
	if p == nil {
		return nil, &RowError{Reason: Unsupported}
	}
	if text[0] == '"' {
		var inner string
		if err := json.Unmarshal([]byte(text), &inner); err != nil {
			return nil, &RowError{Reason: BadPayload}
		}
		text = inner
	}
	if err := json.Unmarshal([]byte(text), p); err != nil {
		return nil, wrongType(err)
	}
	return p, nil
}

// wrongType tells a field of the wrong type from text that is no object at all.
func wrongType(err error) *RowError {
	var typeErr *json.UnmarshalTypeError
	if errors.As(err, &typeErr) && typeErr.Field != "" {
		return &RowError{Field: typeErr.Field, Reason: WrongType}
	}
	return &RowError{Reason: BadPayload}
}

type sessionPayload struct {
	ID         string  `json:"id"`
	Project    string  `json:"project"`
	Ownership  loose   `json:"ownership_mode,omitempty"`
	Directory  given   `json:"directory,omitzero"`
	StartedAt  string  `json:"started_at,omitempty"`
	EndedAt    *string `json:"ended_at,omitempty"`
	Summary    *string `json:"summary,omitempty"`
	Deleted    bool    `json:"deleted,omitempty"`
	DeletedAt  *string `json:"deleted_at,omitempty"`
	HardDelete bool    `json:"hard_delete,omitempty"`
}

func (p *sessionPayload) key() string     { return p.ID }
func (p *sessionPayload) session() string { return "" }

func (p *sessionPayload) normalize(f *Form, upsert bool, project string) *RowError {
	p.Project = project
	trim(&p.ID)
	ownership, ok := p.Ownership.text()
	switch {
	case f.ownership && !ok:
		return &RowError{Field: "ownership_mode", Reason: WrongType}
	case !f.ownership || engram.Text(ownership) == "":
		p.Ownership = nil
	default:
		p.Ownership, _ = json.Marshal(ownership) // a string, without needless escapes
	}
	if !upsert {
		p.Directory, p.StartedAt, p.EndedAt, p.Summary = given{}, "", nil, nil
		if trim(p.DeletedAt); engram.Text(p.DeletedAt) == "" {
			p.DeletedAt = nil
		}
		return firstBlank(field{"id", p.ID})
	}
	trim(&p.Directory.text)
	return firstBlank(f.sessionFields(p.ID, engram.Text(ownership), p.Directory)...)
}

// sessionFields are those that must not be blank. A session of a project may go
// without a directory where the form allows it; only null is refused there too.
// Source: engram-2.md 4.3, 10.
func (f *Form) sessionFields(id, ownership string, directory given) []field {
	fields := []field{{"id", id}}
	if !f.bareOwned || ownership != engram.ProjectOwned || directory.null {
		fields = append(fields, field{"directory", directory.text})
	}
	return fields
}

// given is a text that tells null from what is absent.
type given struct {
	text string
	null bool
}

// UnmarshalJSON leaves the text where null comes after it (A13).
func (g *given) UnmarshalJSON(text []byte) error {
	g.null = string(text) == "null"
	return json.Unmarshal(text, &g.text)
}

// MarshalJSON writes the text.
func (g given) MarshalJSON() ([]byte, error) { return json.Marshal(g.text) }

// IsZero leaves out what is empty.
func (g given) IsZero() bool { return g.text == "" }

type observationPayload struct {
	SyncID         string  `json:"sync_id"`
	SessionID      string  `json:"session_id"`
	Type           string  `json:"type"`
	Title          string  `json:"title"`
	Content        string  `json:"content"`
	ToolName       *string `json:"tool_name,omitempty"`
	Project        string  `json:"project"`
	Scope          string  `json:"scope"`
	TopicKey       *string `json:"topic_key,omitempty"`
	RevisionCount  int64   `json:"revision_count,omitempty"`
	DuplicateCount int64   `json:"duplicate_count,omitempty"`
	LastSeenAt     *string `json:"last_seen_at,omitempty"`
	ReviewAfter    loose   `json:"review_after,omitempty"`
	CreatedAt      string  `json:"created_at,omitempty"`
	UpdatedAt      string  `json:"updated_at,omitempty"`
	Deleted        bool    `json:"deleted,omitempty"`
	DeletedAt      *string `json:"deleted_at,omitempty"`
	HardDelete     bool    `json:"hard_delete,omitempty"`
}

func (p *observationPayload) key() string     { return p.SyncID }
func (p *observationPayload) session() string { return p.SessionID }

func (p *observationPayload) normalize(f *Form, upsert bool, project string) *RowError {
	p.Project = project
	if !f.reviewAfter {
		p.ReviewAfter = nil
	}
	trim(&p.SyncID, &p.SessionID)
	if !upsert {
		return firstBlank(field{"sync_id", p.SyncID})
	}
	trim(&p.Type, &p.Title, &p.Content, &p.Scope)
	return firstBlank(field{"sync_id", p.SyncID}, field{"session_id", p.SessionID}, field{"type", p.Type},
		field{"title", p.Title}, field{"content", p.Content}, field{"scope", p.Scope})
}

type promptPayload struct {
	SyncID     string  `json:"sync_id"`
	SessionID  string  `json:"session_id"`
	Content    string  `json:"content"`
	Project    string  `json:"project"`
	CreatedAt  string  `json:"created_at,omitempty"`
	Deleted    bool    `json:"deleted,omitempty"`
	DeletedAt  *string `json:"deleted_at,omitempty"`
	HardDelete bool    `json:"hard_delete,omitempty"`
}

func (p *promptPayload) key() string     { return p.SyncID }
func (p *promptPayload) session() string { return p.SessionID }

func (p *promptPayload) normalize(_ *Form, upsert bool, project string) *RowError {
	p.Project = project
	trim(&p.SyncID, &p.SessionID)
	if !upsert {
		return firstBlank(field{"sync_id", p.SyncID})
	}
	trim(&p.Content)
	return firstBlank(field{"sync_id", p.SyncID}, field{"session_id", p.SessionID}, field{"content", p.Content})
}

type relationPayload struct {
	SyncID         string   `json:"sync_id"`
	SourceID       string   `json:"source_id"`
	TargetID       string   `json:"target_id"`
	Relation       string   `json:"relation"`
	Reason         *string  `json:"reason,omitempty"`
	Evidence       *string  `json:"evidence,omitempty"`
	Confidence     *float64 `json:"confidence,omitempty"`
	JudgmentStatus string   `json:"judgment_status"`
	MarkedByActor  *string  `json:"marked_by_actor,omitempty"`
	MarkedByKind   *string  `json:"marked_by_kind,omitempty"`
	MarkedByModel  *string  `json:"marked_by_model,omitempty"`
	SessionID      *string  `json:"session_id,omitempty"`
	Project        string   `json:"project"`
	CreatedAt      string   `json:"created_at,omitempty"`
	UpdatedAt      string   `json:"updated_at,omitempty"`
}

func (p *relationPayload) key() string { return p.SyncID }

// A relation's session_id is no reference (A6).
func (p *relationPayload) session() string { return "" }

func (p *relationPayload) normalize(_ *Form, _ bool, project string) *RowError {
	p.Project = project
	trim(&p.SyncID, &p.SourceID, &p.TargetID, &p.Relation, &p.JudgmentStatus, p.MarkedByActor, p.MarkedByKind)
	return firstBlank(field{"sync_id", p.SyncID}, field{"source_id", p.SourceID}, field{"target_id", p.TargetID},
		field{"relation", p.Relation}, field{"judgment_status", p.JudgmentStatus},
		field{"marked_by_actor", engram.Text(p.MarkedByActor)}, field{"marked_by_kind", engram.Text(p.MarkedByKind)})
}

// trim trims the texts that there are.
func trim(texts ...*string) {
	for _, text := range texts {
		if text != nil {
			*text = strings.TrimSpace(*text)
		}
	}
}

// field is a member that must not be blank.
type field struct{ name, value string }

// firstBlank is about the first field that holds nothing but white space, if any.
func firstBlank(fields ...field) *RowError {
	for _, f := range fields {
		if strings.TrimSpace(f.value) == "" {
			return &RowError{Field: f.name, Reason: Blank}
		}
	}
	return nil
}
