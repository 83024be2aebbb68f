// Package pushbody takes the bodies of pushes apart, as Go's decoder would for the
// types of the reference server, and refuses what cannot be kept or comes back
// otherwise. It knows bytes in and store's types out; only internal/server calls it.
package pushbody

import "fmt"

// Error says what is wrong with a body, for the client that sent it.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

func failure(format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...)}
}

func invalidJSON(err error) error { return failure("invalid json: %v", err) }
