package journal

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// AppendLine adds a row as one line of JSON. The payload is put in as the server
// gave it, so that numbers, escapes and the order of members stay as they are;
// only white space goes where it has line breaks.
func AppendLine(dst []byte, row engram.PullMutationResult) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendInt(dst, row.Seq, 10)
	if row.UserID != "" {
		dst = appendMember(dst, `,"user_id":`, row.UserID)
	}
	if row.Project != "" {
		dst = appendMember(dst, `,"project":`, row.Project)
	}
	dst = appendMember(dst, `,"entity":`, row.Entity)
	dst = appendMember(dst, `,"entity_key":`, row.EntityKey)
	dst = appendMember(dst, `,"op":`, row.Op)
	dst = append(dst, `,"payload":`...)
	dst = appendPayload(dst, row.Payload)
	dst = appendMember(dst, `,"occurred_at":`, row.OccurredAt)
	if row.Extra != "" {
		extra := appendPayload(nil, []byte("{"+row.Extra+"}")) // on one line
		dst = append(append(dst, ','), extra[1:len(extra)-1]...)
	}
	return append(dst, "}\n"...)
}

func appendPayload(dst, payload []byte) []byte {
	if len(payload) == 0 {
		return append(dst, "null"...)
	}
	if bytes.IndexByte(payload, '\n') < 0 && bytes.IndexByte(payload, '\r') < 0 {
		return append(dst, payload...)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, payload); err != nil {
		return append(dst, "null"...) // it is JSON: the page was
	}
	return append(dst, compact.Bytes()...)
}

func appendMember(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	if plain(value) {
		dst = append(dst, '"')
		dst = append(dst, value...)
		return append(dst, '"')
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // a string has no reason to fail
	return append(dst, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

// plain says whether a text stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
