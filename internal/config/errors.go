package config

import (
	"errors"
	"strings"
)

// ErrNoRemote is Config.RemoteErr where nobody named a remote.
var ErrNoRemote = errors.New("no remote is chosen: pass --remote NAME|URL, or run " +
	"`engram-sync config set remotes.NAME.url URL` and `engram-sync config set remote NAME`")

// Error is a setting that cannot be used. All errors of this package about
// what the user wrote are of this type.
type Error struct {
	// Source is where it was read: a path, "flag --retries", a variable; ""
	// if the key itself was the question.
	Source string
	// Key is the setting in a file, such as remotes.work.url; "" where
	// Source already names it, or the file as a whole is meant.
	Key string
	// Reason says what is wrong, on one line, and never quotes a secret.
	Reason string
	// Err is the cause, if it has one. Reason already tells it.
	Err error
}

// Error is Source, Key and Reason, as far as they are there.
func (e *Error) Error() string {
	var parts []string
	for _, part := range []string{e.Source, e.Key, e.Reason} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }
