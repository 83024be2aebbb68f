package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// owner is the mode of a session that belongs to its project.
const owner = "project_owned"

// Session is one, as rows, payloads and databases have it.
type Session struct {
	ID        string          `json:"id"`
	Project   string          `json:"project"`
	Mode      string          `json:"ownership_mode"`
	Raw       json.RawMessage `json:"directory"`
	Directory string          `json:"-"`
	StartedAt string          `json:"started_at"`
	EndedAt   *string         `json:"ended_at"`
	Summary   *string         `json:"summary"`
}

// Observation is one, as rows, payloads and databases have it.
type Observation struct {
	ID             int64   `json:"id"`
	SyncID         string  `json:"sync_id"`
	SessionID      string  `json:"session_id"`
	Type           string  `json:"type"`
	Title          string  `json:"title"`
	Content        string  `json:"content"`
	ToolName       *string `json:"tool_name"`
	Project        *string `json:"project"`
	Scope          string  `json:"scope"`
	TopicKey       *string `json:"topic_key"`
	RevisionCount  int64   `json:"revision_count"`
	DuplicateCount int64   `json:"duplicate_count"`
	LastSeenAt     *string `json:"last_seen_at"`
	ReviewAfter    *string `json:"review_after"`
	CreatedAt      string  `json:"created_at"`
	UpdatedAt      string  `json:"updated_at"`
	DeletedAt      *string `json:"deleted_at"`
}

// Prompt is one, as rows, payloads and databases have it.
type Prompt struct {
	SourceInboxID string  `json:"source_inbox_id"`
	ID            int64   `json:"id"`
	SyncID        string  `json:"sync_id"`
	SessionID     string  `json:"session_id"`
	Content       string  `json:"content"`
	Project       *string `json:"project"`
	CreatedAt     string  `json:"created_at"`
}

// Relation is one, as payloads and databases have it.
type Relation struct {
	SyncID       string   `json:"sync_id"`
	SourceID     string   `json:"source_id"`
	TargetID     string   `json:"target_id"`
	Relation     string   `json:"relation"`
	Reason       *string  `json:"reason"`
	Evidence     *string  `json:"evidence"`
	Confidence   *float64 `json:"confidence"`
	Judgment     string   `json:"judgment_status"`
	MarkedBy     *string  `json:"marked_by_actor"`
	MarkedByKind *string  `json:"marked_by_kind"`
	MarkedModel  *string  `json:"marked_by_model"`
	SessionID    *string  `json:"session_id"`
	Project      string   `json:"project"`
	CreatedAt    string   `json:"created_at"`
	UpdatedAt    string   `json:"updated_at"`

	under string // the project of the mutation
}

// document is a chunk as it is decoded. Source: engram-2.md 2.2.
type document struct {
	Sessions     []Session     `json:"sessions"`
	Observations []Observation `json:"observations"`
	Prompts      []Prompt      `json:"prompts"`
	Mutations    []struct {
		Seq     int64  `json:"seq"`
		Target  string `json:"target_key"`
		Source  string `json:"source"`
		At      string `json:"occurred_at"`
		Acked   string `json:"acked_at"`
		Entity  string `json:"entity"`
		Key     string `json:"entity_key"`
		Op      string `json:"op"`
		Payload string `json:"payload"`
		Project string `json:"project"`
	} `json:"mutations"`
}

// content is a chunk as a list of changes.
type content struct {
	id      string
	changes []change
	lone    []string // sessions whose rows are dropped
}

// change is one mutation, explicit or made of a row.
type change struct {
	entity, key, op string
	id              string // what the payload says that it is about
	of, project     string // session and project
	listed          bool   // it stood in the list of mutations
	bad             error  // why it cannot be applied
	undecodable     bool   // because its payload cannot be read

	session     Session
	observation Observation
	prompt      Prompt
	relation    Relation
	deletion    deletion
}

type deletion struct {
	DeletedAt *string `json:"deleted_at"`
	UpdatedAt string  `json:"updated_at"`
	Hard      bool    `json:"hard_delete"`
}

// parse makes changes of the rows of a chunk. An error fails the whole import.
func (r *run) parse(c Chunk) (*content, error) {
	if c.Broken {
		return nil, errors.New("gzip: invalid data")
	}
	var doc document
	if err := json.Unmarshal(c.Text, &doc); err != nil {
		return nil, err
	}
	out := &content{id: c.ID}
	var listed []change
	explicit, needed := map[Name]bool{}, map[string]bool{}
	for _, m := range doc.Mutations {
		one := change{entity: m.Entity, key: m.Key, op: m.Op, project: m.Project, listed: true}
		r.payload(&one, m.Payload)
		listed = append(listed, one)
		explicit[Name{m.Entity, m.Key}] = true
		if one.op == "upsert" && (one.entity == "observation" || one.entity == "prompt") {
			needed[one.of] = true
		}
	}
	rows, err := r.rows(doc)
	if err != nil {
		return nil, err
	}
	for _, one := range rows {
		if one.entity != "session" && one.op == "upsert" {
			needed[one.of] = true
		}
	}
	for _, one := range rows {
		switch {
		case explicit[Name{one.entity, one.key}]:
		case one.entity == "session" && len(listed) > 0 && !needed[one.key]:
			out.lone = append(out.lone, one.key)
		default:
			out.changes = append(out.changes, one)
		}
	}
	out.changes = append(out.changes, listed...)
	return out, nil
}

// rows makes changes of the lists of rows.
func (r *run) rows(doc document) (all []change, err error) {
	for _, s := range doc.Sessions {
		one := change{entity: "session", key: s.ID, id: s.ID, op: "upsert", project: s.Project, session: s}
		if kind := kindOf(s.Raw); kind == odd || kind == null && r.g >= engram.Gen3 && s.Mode == owner {
			return nil, fmt.Errorf("session %s: its directory is no text", s.ID)
		}
		one.bad = r.setDirectory(&one.session, false)
		all = append(all, one)
	}
	for _, o := range doc.Observations {
		one := change{entity: "observation", key: o.SyncID, id: o.SyncID, op: "upsert", of: o.SessionID, project: text(o.Project), observation: o}
		if text(o.DeletedAt) != "" {
			one.op, one.deletion = "delete", deletion{DeletedAt: o.DeletedAt, UpdatedAt: o.UpdatedAt}
		}
		all = append(all, one)
	}
	for _, p := range doc.Prompts {
		all = append(all, change{entity: "prompt", key: p.SyncID, id: p.SyncID, op: "upsert", of: p.SessionID, project: text(p.Project), prompt: p})
	}
	return all, nil
}

// payload decodes what an explicit mutation carries.
func (r *run) payload(one *change, payload string) {
	var err error
	in := []byte(payload)
	decode := func(to any) {
		if err == nil {
			err = json.Unmarshal(in, to)
			one.undecodable = err != nil
		}
	}
	switch one.entity {
	case "session":
		decode(&one.session)
		one.id = one.session.ID
		if err == nil && kindOf(one.session.Raw) == odd {
			err, one.undecodable = errors.New("the directory is no text"), true
		}
		if err == nil && one.op == "upsert" {
			err = r.setDirectory(&one.session, true)
		}
	case "observation":
		decode(&one.observation)
		one.id, one.of = one.observation.SyncID, one.observation.SessionID
		one.observation.DeletedAt = nil // only op decides on a delete
	case "prompt":
		decode(&one.prompt)
		one.id, one.of = one.prompt.SyncID, one.prompt.SessionID
	case "relation":
		decode(&one.relation)
		one.id, one.relation.under = one.relation.SyncID, one.project
	default:
		err = fmt.Errorf("unknown entity %q", one.entity)
	}
	if one.op == "delete" {
		decode(&one.deletion)
	} else if one.op != "upsert" {
		err = fmt.Errorf("unknown operation %q", one.op)
	}
	one.bad = err
}

// setDirectory reads the directory of a session, as far as the generation takes it.
// An error stalls the chunk.
func (r *run) setDirectory(s *Session, mutation bool) error {
	kind := kindOf(s.Raw)
	if kind == odd {
		return errors.New("the directory is no text")
	}
	if kind == some {
		_ = json.Unmarshal(s.Raw, &s.Directory) // it is a text
	}
	s.Raw = nil
	if r.g < engram.Gen2 {
		s.Mode = ""
		return nil
	}
	blank := strings.TrimSpace(s.Directory) == ""
	switch {
	case s.Mode != "" && s.Mode != owner && s.Mode != "shared":
		return fmt.Errorf("unknown ownership %q", s.Mode)
	case mutation && kind == null, blank && (r.g < engram.Gen3 || s.Mode != owner):
		return errors.New("the directory is blank")
	}
	return nil
}

// kind of a JSON value.
type kind int

const (
	absent kind = iota
	null
	some
	odd
)

func kindOf(raw json.RawMessage) kind {
	switch {
	case len(raw) == 0:
		return absent
	case string(raw) == "null":
		return null
	case raw[0] == '"':
		return some
	}
	return odd
}

func text(t *string) string {
	if t == nil {
		return ""
	}
	return *t
}
