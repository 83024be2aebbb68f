package projectserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/canon"
)

// accept gives the canonical form of a chunk that the project takes; s.mu is held.
func (st *store) accept(form *canon.Form, project string, data []byte) ([]byte, *refusal) {
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, invalid("invalid push payload: decode chunk data: " + err.Error())
	}
	canonical, err := form.Canonical(data, project)
	var row *canon.RowError
	if errors.As(err, &row) {
		return nil, invalid("invalid push payload: " + refusalText(*row, data))
	}
	if err != nil {
		return nil, invalid("invalid push payload: decode chunk data: " + err.Error())
	}
	problems, err := form.Validate(data, project, func(id string) bool { return st.sessions[id] })
	if err != nil {
		return nil, invalid("invalid push payload: " + err.Error())
	}
	if len(problems) == 0 {
		return canonical, nil
	}
	first := slices.MinFunc(problems, func(a, b canon.RowError) int { return stage(a) - stage(b) })
	if first.Reason == canon.Nul {
		return nil, internal("write chunk: cloudstore: write chunk: " + errNul.Error())
	}
	if first.Reason == canon.WrongType && first.List != "mutations" {
		return nil, invalid("invalid push payload: chunk schema: " + json.Unmarshal(canonical, &typedChunk{}).Error())
	}
	return nil, invalid("invalid push payload: " + refusalText(first, data))
}

// stage orders problems as the server finds them: types, blanks, sessions, then
// what its database can't hold.
func stage(p canon.RowError) int {
	order := []canon.Reason{canon.WrongType, canon.Blank, canon.UnknownSession, canon.Nul}
	return slices.Index(order, p.Reason)
}

// refusalText is the server's text about a row.
func refusalText(p canon.RowError, data []byte) string {
	row := rowAt(data, p.List, p.Index)
	place := fmt.Sprintf("%s[%d]", p.List, p.Index)
	switch {
	case p.Reason == canon.NotRows:
		return p.List + " must be an array"
	case p.Reason == canon.NotObject:
		return place + " must be an object"
	case p.Reason == canon.UnknownSession:
		return fmt.Sprintf("%s references missing session_id %q", place, strings.TrimSpace(row.sessionID()))
	case p.List == "mutations":
		return place + ": " + mutationText(p, row)
	}
	return fmt.Sprintf("%s.%s is required", place, p.Field)
}

// mutationText is the server's text about a mutation of a chunk.
func mutationText(p canon.RowError, row looseRow) string {
	entity := strings.TrimSpace(row.Entity)
	switch {
	case p.Reason == canon.Unsupported:
		return fmt.Sprintf("unsupported mutation %q/%q", entity, strings.TrimSpace(row.Op))
	case p.Reason == canon.KeyDiffers:
		return fmt.Sprintf("entity_key %q does not match payload key %q", strings.TrimSpace(row.EntityKey), row.payloadKey())
	case p.Reason == canon.NoPayload:
		return "payload is required"
	case p.Reason == canon.Blank && (p.Field == "id" || p.Field == "sync_id"):
		return fmt.Sprintf("%s payload %s is required", entity, p.Field)
	case p.Reason == canon.Blank:
		return fmt.Sprintf("%s payload %s is required for upsert", entity, p.Field)
	}
	return "decode mutation: json: cannot unmarshal a value into " + p.Field
}

// looseRow is what an error's text quotes of a row.
type looseRow struct {
	Entity    string `json:"entity"`
	EntityKey string `json:"entity_key"`
	Op        string `json:"op"`
	Payload   string `json:"payload"`
	SessionID string `json:"session_id"`
}

func rowAt(data []byte, list string, index int) (row looseRow) {
	var doc map[string]json.RawMessage
	var rows []json.RawMessage
	_ = json.Unmarshal(data, &doc) // the text was parsed before; a row of the wrong types is quoted as far as it goes
	_ = json.Unmarshal(doc[list], &rows)
	if index >= 0 && index < len(rows) {
		_ = json.Unmarshal(rows[index], &row)
	}
	return row
}

type loosePayload struct {
	ID        string `json:"id"`
	SyncID    string `json:"sync_id"`
	SessionID string `json:"session_id"`
}

func (r looseRow) payload() (p loosePayload) {
	_ = json.Unmarshal([]byte(r.Payload), &p) // as far as it goes
	return p
}

func (r looseRow) sessionID() string {
	if r.Payload != "" {
		return r.payload().SessionID
	}
	return r.SessionID
}

func (r looseRow) payloadKey() string {
	p := r.payload()
	return strings.TrimSpace(p.ID + p.SyncID)
}
