package words

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/engram-sync/engram-sync/internal/rowstream"
)

// ReadSessions gives the rows of a chunk that are sessions with a wanted id, as they
// stand there: its lists' and those that its mutations bring.
func ReadSessions(r io.Reader, wanted func(id string) bool, found func(id string, row json.RawMessage)) error {
	take := func(row json.RawMessage) {
		var s struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(row, &s) != nil { // it is no session that could be sent
			return
		}
		if id := strings.TrimSpace(s.ID); id != "" && wanted(id) {
			found(id, row)
		}
	}
	return rowstream.ReadMembers(r, map[string]rowstream.MemberReader{
		"sessions": rowstream.Rows(take),
		"mutations": rowstream.Rows(func(m json.RawMessage) {
			var session struct {
				Entity  string `json:"entity"`
				Op      string `json:"op"`
				Payload string `json:"payload"`
			}
			if json.Unmarshal(m, &session) == nil && session.Entity == "session" && session.Op == "upsert" && json.Valid([]byte(session.Payload)) {
				take(json.RawMessage(session.Payload))
			}
		}),
	})
}
