package projectserver

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// inForm brings a batch into the canonical form, as newer releases do before they
// store it, or answers with all entries that have none. Source: engram-2.md 4.5, 10.
func (s *Server) inForm(w http.ResponseWriter, entries []engram.MutationEntry) bool {
	var bad []badEntry
	for i := range entries {
		e, problem := s.traits.form().Entry(completed(entries[i]), entries[i].Project)
		if problem == nil && utf8.Valid(entries[i].Payload) {
			entries[i] = e
			continue
		}
		field := "payload"
		if strings.TrimSpace(e.Entity) == "relation" && problem != nil && problem.Field != "" {
			field = problem.Field
		}
		bad = append(bad, badEntry{Entity: entries[i].Entity, Field: field, Index: i})
	}
	if len(bad) > 0 {
		writeJSON(w, http.StatusBadRequest, map[string]any{
			"error": "invalid mutation payload", "error_class": "repairable", "error_code": "upgrade_repairable_payload_invalid",
			"reason_code": "validation_error", "invalid": bad,
		})
	}
	return len(bad) == 0
}

// completed fills in what an upsert lacks as a member. What is given, if only as a
// blank, stays. Source: engram-2.md 4.5; whether 3.x still gives a session of a
// project a directory is not known.
func completed(e engram.MutationEntry) engram.MutationEntry {
	var members map[string]json.RawMessage
	if strings.TrimSpace(e.Op) != "upsert" || json.Unmarshal(e.Payload, &members) != nil || members == nil {
		return e
	}
	fill := func(name, value string) {
		if _, given := members[name]; !given {
			members[name], _ = json.Marshal(value) // a string
		}
	}
	key := strings.TrimSpace(e.EntityKey)
	switch strings.TrimSpace(e.Entity) {
	case "session":
		fill("id", key)
		fill("directory", ".")
	case "observation":
		fill("sync_id", key)
		key = textOf(members["sync_id"])
		fill("session_id", "legacy-"+key)
		fill("type", "legacy")
		fill("title", key)
		fill("content", key)
		fill("scope", "project")
	case "prompt":
		fill("sync_id", key)
		key = textOf(members["sync_id"])
		fill("session_id", "legacy-"+key)
		fill("content", key)
	}
	e.Payload, _ = json.Marshal(members) // it came from JSON
	return e
}

// textOf is a text, "" if it is something else.
func textOf(value json.RawMessage) (text string) {
	_ = json.Unmarshal(bytes.TrimSpace(value), &text)
	return text
}
