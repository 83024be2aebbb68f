package projectserver

import (
	"encoding/json"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// typedChunk has a chunk's rows in the server's types: unknown members vanish,
// missing ones are 0 and "" (3.5).
type typedChunk struct {
	Sessions     []engram.Session     `json:"sessions"`
	Observations []engram.Observation `json:"observations"`
	Prompts      []engram.Prompt      `json:"prompts"`
	Mutations    []typedMutation      `json:"mutations"`
}

// typedMutation is a row of a chunk's mutations. Payload is JSON in a string (T7).
type typedMutation struct {
	Entity    string `json:"entity"`
	EntityKey string `json:"entity_key"`
	Op        string `json:"op"`
	Payload   string `json:"payload"`
}

// sessionIDs are the sessions that a chunk makes known, by row or by mutation.
func (c typedChunk) sessionIDs() []string {
	var ids []string
	for _, row := range c.Sessions {
		ids = append(ids, strings.TrimSpace(row.ID))
	}
	for _, m := range c.Mutations {
		if m.Entity == "session" && m.Op == "upsert" {
			ids = append(ids, m.EntityKey)
		}
	}
	return ids
}

// addRow adds what an upsert writes to the list that it belongs to.
func (c *typedChunk) addRow(entity string, payload json.RawMessage) error {
	switch entity {
	case "session":
		return appendRow(&c.Sessions, payload)
	case "observation":
		return appendRow(&c.Observations, payload)
	case "prompt":
		return appendRow(&c.Prompts, payload)
	}
	return nil // a relation has no list
}

func appendRow[T any](rows *[]T, payload json.RawMessage) error {
	var row T
	if err := json.Unmarshal(payload, &row); err != nil {
		return err
	}
	*rows = append(*rows, row)
	return nil
}
