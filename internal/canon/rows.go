package canon

import (
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// readRow reads a row of sessions, observations or prompts with the types that
// the server demands of its members: null passes for any of them. It gives the
// fields that must not be blank, and the session that the row belongs to, or "".
// Source: project-server.md 3.4 and A17.
func readRow(list string, text []byte) (required []field, session string, err error) {
	switch list {
	case "sessions":
		var r engram.Session
		err = json.Unmarshal(text, &r)
		return []field{{"id", r.ID}, {"directory", r.Directory}}, "", err
	case "observations":
		var r engram.Observation
		err = json.Unmarshal(text, &r)
		return []field{{"sync_id", r.SyncID}, {"session_id", r.SessionID}, {"type", r.Type},
			{"title", r.Title}, {"content", r.Content}, {"scope", r.Scope}}, r.SessionID, err
	default:
		var r engram.Prompt
		err = json.Unmarshal(text, &r)
		return []field{{"sync_id", r.SyncID}, {"session_id", r.SessionID}, {"content", r.Content}}, r.SessionID, err
	}
}
