package canon

import (
	"bytes"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// demand is what the server asks of a member of a row.
type demand int

const (
	aText   demand = 1 << iota // or null
	aNumber                    // a whole one, or null
	needed                     // not blank
)

// demands are those of members of rows. Source: project-server.md 3.4 and A17.
var demands = map[string]map[string]demand{
	"observations": {
		"id": aNumber, "sync_id": aText | needed, "session_id": aText | needed, "type": aText | needed, "title": aText | needed,
		"content": aText | needed, "tool_name": aText, "project": aText, "scope": aText | needed, "topic_key": aText,
		"revision_count": aNumber, "duplicate_count": aNumber, "last_seen_at": aText, "review_after": aText, "created_at": aText,
		"updated_at": aText, "deleted_at": aText,
	},
	"prompts": {
		"source_inbox_id": aText, "id": aNumber, "sync_id": aText | needed, "session_id": aText | needed, "content": aText | needed,
		"project": aText, "created_at": aText,
	},
}

// isGood says whether a row in canonical form is one of the many with which nothing is
// wrong and nothing is odd, and which session it belongs to: what readRow would make of it
// need not be made. false says nothing.
func isGood(list string, text []byte) (session []byte, good bool) {
	known := demands[list]
	if known == nil {
		return nil, false
	}
	missing := 0
	for _, d := range known {
		if d&needed != 0 {
			missing++
		}
	}
	good = jsonscan.Fields(text, func(name, value []byte) bool {
		d, ok := known[string(name)]
		if !ok {
			return jsonscan.IsExact(name)
		}
		if d&needed != 0 {
			missing--
		}
		if string(name) == "session_id" && value[0] == '"' {
			session = unquoted(value)
		}
		return fits(d, value)
	})
	return session, good && missing == 0
}

func fits(d demand, value []byte) bool {
	switch {
	case d&needed != 0:
		return jsonscan.SaysSomething(value) || value[0] == '"' && len(bytes.TrimSpace(unquoted(value))) > 0
	case string(value) == "null":
		return true
	case d&aNumber != 0:
		_, whole := jsonscan.IsInteger(value)
		return whole
	}
	return value[0] == '"'
}
