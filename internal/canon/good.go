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
	if known == nil || len(text) < 2 || text[0] != '{' {
		return nil, false
	}
	missing := 0
	for _, d := range known {
		if d&needed != 0 {
			missing++
		}
	}
	for at := 1; text[at] != '}'; {
		if text[at] == ',' {
			at++
		}
		nameEnd := skipValue(text, at)
		name := text[at+1 : nameEnd-1]
		from := nameEnd + len(":")
		at = skipValue(text, from)
		d, ok := known[string(name)]
		switch {
		case !ok && mayBeOne(name, known):
			return nil, false
		case !ok:
			continue
		case !fits(d, text[from:at]):
			return nil, false
		case d&needed != 0:
			missing--
		}
		if string(name) == "session_id" {
			session = unquoted(text[from:at])
		}
	}
	return session, missing == 0
}

// mayBeOne says whether the server could take a name for one that it knows.
func mayBeOne(name []byte, known map[string]demand) bool {
	for n := range known {
		if jsonscan.Alike(string(name), []string{n}) != "" {
			return true
		}
	}
	return !jsonscan.IsPlain(name)
}

func fits(d demand, value []byte) bool {
	switch {
	case d&needed != 0:
		return value[0] == '"' && len(bytes.TrimSpace(unquoted(value))) > 0
	case string(value) == "null":
		return true
	case d&aNumber != 0:
		return isShortInteger(value)
	}
	return value[0] == '"'
}

// skipValue is where the value ends that begins at a byte of canonical text.
func skipValue(text []byte, at int) (end int) {
	for depth := 0; ; at++ {
		switch text[at] {
		case '"':
			at = closingQuote(text, at)
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',', ':':
		default: // up to the last byte of a number or a word
			for text[at+1] != ',' && text[at+1] != '}' && text[at+1] != ']' {
				at++
			}
		}
		if depth == 0 {
			return at + 1
		}
	}
}

// closingQuote is where the string ends that begins at a byte of text.
func closingQuote(text []byte, at int) int {
	for open := at; ; {
		at += 1 + bytes.IndexByte(text[at+1:], '"')
		escapes := at - 1
		for escapes > open && text[escapes] == '\\' {
			escapes--
		}
		if (at-escapes)%2 == 1 {
			return at
		}
	}
}
