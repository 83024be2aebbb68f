// Package pushbody takes the bodies of pushes apart, as Go's decoder would for the
// types of the reference server, and refuses what cannot be kept or comes back
// otherwise. It knows bytes in and store's types out; internal/server calls it, and a store
// that judges anew what it has.
package pushbody

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// Depths of an envelope's values: {"data":{"sessions":[{"id":"..."}]}}.
const (
	depthEnvelope = iota
	depthMember
	depthList
	depthRow
	depthField
)

var (
	envelopeMembers = []string{"chunk_id", "created_by", "data"}
	dataMembers     = []string{"sessions", "observations", "prompts"}
	// laterMembers are members of rows that engram writes since 2.x: a manifest that
	// lists such a chunk has version 2 there. Source: engram-2.md 2.2, 10.
	laterMembers = []string{"ownership_mode", "source_inbox_id", "disposition"}
)

// rowFields are the members of rows that have to be strings. The first few must
// be there and not empty for the row to count (account-server.md 3.2).
var rowFields = map[string]struct {
	names     []string
	mandatory int
}{
	"sessions": {[]string{"id", "project", "directory", "started_at", "ended_at", "summary"}, 2},
	"observations": {[]string{"session_id", "title", "content", "type", "tool_name", "project", "scope",
		"topic_key"}, 3},
	"prompts": {[]string{"session_id", "content", "project"}, 2},
}

// listener is told what a scanner found. Errors are about what the client sent.
type listener interface {
	key() error
	begin() error
	end() error
}

func tell(l listener, event jsonscan.Event) error {
	switch event {
	case jsonscan.Key:
		return l.key()
	case jsonscan.Begin:
		return l.begin()
	case jsonscan.End:
		return l.end()
	}
	return nil
}

// want refuses a value of the wrong type. null is right everywhere.
func want(kind, got jsonscan.Kind, what string) error {
	if got == kind || got == jsonscan.Null {
		return nil
	}
	names := map[jsonscan.Kind]string{jsonscan.Object: "an object", jsonscan.Array: "an array", jsonscan.String: "a string"}
	return errors.New(what + " must be " + names[kind])
}

// IsChunkID says whether text is 8 hex digits. Their letter case matters: the
// protocol has ids that only differ in it.
func IsChunkID(text string) bool {
	if len(text) != 8 {
		return false
	}
	_, err := hex.DecodeString(text)
	return err == nil
}

// Error says what is wrong with a body, for the client that sent it.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

func failure(format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...)}
}

func invalidJSON(err error) error { return failure("invalid json: %v", err) }
