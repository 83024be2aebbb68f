package engram

import (
	"errors"
	"fmt"
	"strings"
)

// ErrDamaged is wrapped by every error about content that is not what its name
// says: a wrong hash, a cut file, text that is not one JSON object.
var ErrDamaged = errors.New("damaged")

// ErrNoFile means that a manifest names a chunk whose file is nowhere.
var ErrNoFile = errors.New("the manifest lists it, but its file is missing")

// DamageError says what is wrong with the content of one chunk. errors.Is
// finds ErrDamaged in it.
type DamageError struct {
	ID     ChunkID // zero where the content has no name yet
	Reason string
	Err    error // the cause, where there is one
}

func (e *DamageError) Error() string {
	text := e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.ID.IsZero() {
		return "chunk content is damaged: " + text
	}
	return fmt.Sprintf("chunk %s is damaged: %s", e.ID, text)
}

// Unwrap gives ErrDamaged and the cause.
func (e *DamageError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrDamaged}
	}
	return []error{ErrDamaged, e.Err}
}

// MismatchError is the damage of content that is one whole JSON object, but
// hashes to another id than its name.
type MismatchError struct {
	ID, Actual ChunkID
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("chunk %s is damaged: its bytes hash to %s", e.ID, e.Actual)
}

// Unwrap gives ErrDamaged.
func (e *MismatchError) Unwrap() error { return ErrDamaged }

// ReducedError means that a chunk is what an old client made of it while
// pushing: whole, but re-encoded with fewer fields, so that its bytes cannot
// hash to its id. Asking again won't bring the lost fields back.
// Source: account-server.md 3.6.
type ReducedError struct {
	ID     ChunkID // that the server gives it
	Actual ChunkID // that its bytes hash to
}

func (e *ReducedError) Error() string {
	return fmt.Sprintf("chunk %s was re-encoded by an old client and cannot be verified: its bytes hash to %s", e.ID, e.Actual)
}

// ErrConflictMarkers is the cause in a ManifestError where git left both sides
// of a merge in the file.
var ErrConflictMarkers = errors.New("git conflict markers")

// ErrTwice is the cause in a ManifestError where a member stands twice, or an
// entry is listed twice: git's union merge leaves such a text.
var ErrTwice = errors.New("stands twice")

// ErrManifestVersion is the cause in a ManifestError where the file was written
// by a later engram than we know.
var ErrManifestVersion = errors.New("manifest version not supported")

// ManifestError says what is wrong with a manifest, and where. errors.Is finds
// ErrDamaged in it.
type ManifestError struct {
	Line  int // from 1; 0 where it is about the whole
	Entry int // from 1; 0 where it is not about an entry
	Err   error
}

func (e *ManifestError) Error() string {
	var where []string
	if e.Line > 0 {
		where = append(where, fmt.Sprintf("line %d", e.Line))
	}
	if e.Entry > 0 {
		where = append(where, fmt.Sprintf("entry %d", e.Entry))
	}
	if len(where) == 0 {
		return e.Err.Error()
	}
	return strings.Join(where, ", ") + ": " + e.Err.Error()
}

// Unwrap gives ErrDamaged and the cause.
func (e *ManifestError) Unwrap() []error { return []error{ErrDamaged, e.Err} }
