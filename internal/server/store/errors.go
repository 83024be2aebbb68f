package store

import "errors"

// The kinds of errors that callers tell apart with errors.Is. The texts of
// errors are their own: clients of the reference server know some of them.
var (
	// ErrUnavailable says that the database could not be reached or asked. The
	// same call may work later.
	ErrUnavailable = errors.New("the database is unavailable")
	// ErrFull says that the database has no room. The same call works once
	// somebody has made some.
	ErrFull = errors.New("the database is full")
	// ErrNotFound says that what was asked for is not there.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that something else has the name already.
	ErrConflict = errors.New("it conflicts with what is there")
)

// What is not found, and what conflicts.
var (
	ErrNoUser  = WithKind(ErrNotFound, errors.New("no such user"))
	ErrNoChunk = WithKind(ErrNotFound, errors.New("chunk not found"))

	ErrUserExists    = WithKind(ErrConflict, errors.New("user exists"))
	ErrUsernameTaken = WithKind(ErrUserExists, errors.New("username is already registered"))
	ErrEmailTaken    = WithKind(ErrUserExists, errors.New("email is already registered"))
	ErrOtherData     = WithKind(ErrConflict, errors.New("a chunk with this id and different content exists"))
	ErrOtherBatch    = WithKind(ErrConflict, errors.New("idempotency key was used with other content"))
)

// WithKind makes errors.Is find kind in err as well, whose text stays as it is.
func WithKind(kind, err error) error { return &kindError{kind, err} }

type kindError struct {
	kind error
	error
}

func (e *kindError) Unwrap() []error { return []error{e.kind, e.error} }
