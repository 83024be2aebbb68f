package recognition

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/rowread"
)

// SignatureVersion changes with what a signature is: those of another version say nothing.
const SignatureVersion = "3"

// MutationRow is a mutation in a chunk, which has no identity but what it says.
const MutationRow engram.RowKind = 'm'

// Signature is what a row is recognised by on a project server, in whichever form it
// was sent: its version without the project, which all rows there have in common, and
// without what a row may lack, which stands beside it.
type Signature struct {
	engram.RowVersion
	Given [givens]uint64 // 0 where the row has nothing
}

// What a row may lack: what is filled where it is blank, and what came with later
// releases, so that whoever is older loses it. Source: engram-2.md 2.2, 2.3.
const (
	givenType = iota
	givenTitle
	givenScope
	givenLater // ownership_mode, review_after or source_inbox_id
	givenRest  // members that nobody knows
	givens

	fillable = givenLater // those below are filled
)

// Sign gives the signature of a row of a list, which has to be JSON, of which these fields were filled. A
// mutation is recognised in canonical form only, whichever release made that. false:
// nobody could find the row again.
func Sign(list string, row []byte, filled ...string) (v Signature, ok bool) {
	var given map[int]string
	switch list {
	case "sessions":
		s, err := rowread.ReadSession(row)
		ok = err == nil && s.ID != ""
		given = map[int]string{givenLater: s.OwnershipMode}
		s.Project, s.OwnershipMode = "", ""
		v.RowVersion = s.Version()
	case "observations":
		o, err := rowread.ReadObservation(row)
		ok = err == nil && o.SyncID != ""
		given = map[int]string{givenType: o.Type, givenTitle: o.Title, givenScope: o.Scope, givenLater: engram.Text(o.ReviewAfter)}
		o.Project, o.Type, o.Title, o.Scope, o.ReviewAfter = nil, "", "", "", nil
		v.RowVersion = o.Version("")
	case "prompts":
		p, err := rowread.ReadPrompt(row)
		ok = err == nil && p.SyncID != ""
		given = map[int]string{givenLater: engram.Text(p.SourceInboxID)}
		p.Project, p.SourceInboxID = "", nil
		v.RowVersion = p.Version("")
	case "mutations":
		return signMutation(row)
	}
	given[givenRest] = rest(list, row)
	for i, field := range []string{"type", "title", "scope"} {
		if slices.Contains(filled, field) {
			delete(given, i)
		}
	}
	for i, text := range given {
		if strings.TrimSpace(text) != "" {
			v.Given[i] = shortHash(text)
		}
	}
	return v, ok
}

func shortHash(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return max(1, binary.BigEndian.Uint64(sum[:]))
}

// known are the members that a signature has, or leaves out since each machine has its own.
var known = map[string][]string{
	"sessions": {"id", "project", "directory", "started_at", "ended_at", "summary", "ownership_mode"},
	"observations": {"id", "sync_id", "session_id", "type", "title", "content", "tool_name", "project", "scope", "topic_key",
		"revision_count", "duplicate_count", "last_seen_at", "created_at", "updated_at", "deleted_at", "review_after"},
	"prompts": {"id", "sync_id", "session_id", "content", "project", "created_at", "source_inbox_id"},
}

// rest is what a row has in members that nobody knows, "" if it has none.
func rest(list string, row []byte) string {
	isKnown := func(name, _ []byte) bool { return slices.Contains(known[list], string(name)) }
	if jsonscan.Fields(row, isKnown) { // as with nearly all
		return ""
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(row, &members) // no object has none
	maps.DeleteFunc(members, func(name string, _ json.RawMessage) bool { return slices.Contains(known[list], strings.ToLower(name)) })
	unknown := map[string]any{}
	for name, text := range members {
		var value any
		if json.Unmarshal(text, &value) == nil && value != nil && value != "" {
			unknown[name] = value
		}
	}
	if len(unknown) == 0 {
		return ""
	}
	text, _ := json.Marshal(unknown) // it came from JSON
	return string(text)
}

// signMutation leaves out the project, and what the canonical form of some release drops. Source:
// engram-2.md 4.4.
func signMutation(row []byte) (v Signature, ok bool) {
	var m struct {
		Entity  string `json:"entity"`
		Op      string `json:"op"`
		Key     string `json:"entity_key"`
		Payload string `json:"payload"`
	}
	if json.Unmarshal(row, &m) != nil {
		return v, false
	}
	var payload map[string]json.RawMessage
	if json.Unmarshal([]byte(m.Payload), &payload) == nil {
		for _, name := range []string{"project", "ownership_mode", "review_after", "source_inbox_id"} {
			delete(payload, name)
		}
		text, _ := json.Marshal(payload) // it came from JSON
		m.Payload = string(text)
	}
	text, _ := json.Marshal(m) // texts
	sum := sha256.Sum256(text)
	said := engram.RowHash(sum[:len(engram.RowHash{})])
	v.RowVersion = engram.RowVersion{Kind: MutationRow, Row: said, Content: said}
	return v, true
}

// ReadSignatures reads the signatures of all rows of a chunk, as a stream that
// keeps nothing but them.
func ReadSignatures(r io.Reader) (rows []Signature, err error) {
	err = engram.ReadLists(r, func(list string, _ int, row json.RawMessage) {
		if v, ok := Sign(list, row); ok {
			rows = append(rows, v)
		}
	}, "sessions", "observations", "prompts", "mutations")
	return rows, err
}
