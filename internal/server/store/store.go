// Package store is the contract between the account server and the database
// behind it: what is kept for users, their chunks and their journals, and with
// which promises. internal/server calls it, the packages of databases beside it
// implement it, and storetest holds each of them to every promise made here.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store is one open database. Several Stores, also of several processes, may be
// open on the same one, and each is safe for concurrent use.
//
// Every method is one transaction; no request needs one that spans several. Those
// that write at the same time may share a commit, but not their failures: only if
// the commit fails does it for all of them. When a method returns nil, what it changed is durable, and every Store on the
// database sees it. When it fails, nothing was changed; only where an error is
// ErrUnavailable may the answer to a commit have been lost, and the caller find
// the change made.
//
// Every method may fail with ErrUnavailable, and does once its context has ended
// or the Store was closed. Those that write may fail with ErrFull. ErrNotFound
// and ErrConflict come only from methods that name them or one of their kind. Any
// other error is a fault of the database or of this program.
//
// The times that are kept are those of the clock that the Store was opened with,
// read when it is the turn of the transaction: UTC, cut to the microsecond. Texts
// come back as they were given, whatever their script, compare by their bytes,
// and sort by them.
type Store interface {
	Users
	Chunks
	Journals
	Copies

	// Attempt counts an attempt of a client at something together with those that came to other
	// processes on the database, and gives 0 if it is within the limit for a time that begins with the first of
	// them, else how long the client has to wait. A database of one process gives 0: that one counts by itself.
	Attempt(ctx context.Context, kind, client string, limit int, within time.Duration) (wait time.Duration, err error)
	// Ping asks for a sign of life.
	Ping(ctx context.Context) error
	// Ready says, by putting something on the disk, whether a change could be kept now.
	Ready(ctx context.Context) error
	// Usage counts what is kept of all users.
	Usage(ctx context.Context) (Usage, error)
	// OnCommit has told called with the time that each commit of a change takes. It comes before the first use.
	OnCommit(told func(time.Duration))
	// Close frees everything. Methods under way fail. A second Close is fine.
	Close() error
}

// The kinds of errors that callers tell apart with errors.Is. The texts of
// errors are their own: clients of the reference server know some of them.
var (
	// ErrUnavailable says that the database could not be reached or asked. The
	// same call may work later.
	ErrUnavailable = errors.New("the database is unavailable")
	// ErrDamaged says that the database has lost parts. Others of it may still be read.
	ErrDamaged = errors.New("the database is damaged")
	// ErrFull says that the database has no room. The same call works once
	// somebody has made some.
	ErrFull = errors.New("the database is full")
	// ErrNotFound says that what was asked for is not there.
	ErrNotFound = errors.New("not found")
	// ErrUnusable says, when a database is opened, that there is none of this name, or that it
	// does not let us in.
	ErrUnusable = errors.New("the database cannot be used")
	// ErrEmpty says that there is nothing of anybody in a database.
	ErrEmpty = errors.New("the database is empty")
	// ErrForeign says, when a database is opened, that it is somebody else's.
	ErrForeign = errors.New("this is not a database of engram-sync serve")
	// ErrBusy says, when what is elsewhere should be copied into a database, that somebody else does so now.
	ErrBusy = errors.New("another serve migrate copies to it at the moment")
	// ErrConflict says that something else has the name already.
	ErrConflict = errors.New("it conflicts with what is there")
)

// What is not found, and what conflicts.
var (
	ErrNoUser  = WithKind(ErrNotFound, errors.New("no such user"))
	ErrNoChunk = WithKind(ErrNotFound, errors.New("chunk not found"))

	// ErrNoInvitation says that an invitation is not, or no more, good for anything.
	ErrNoInvitation = WithKind(ErrNotFound, errors.New("invalid or expired invitation"))

	ErrUserExists    = WithKind(ErrConflict, errors.New("user exists"))
	ErrUsernameTaken = WithKind(ErrUserExists, errors.New("username is already registered"))
	ErrEmailTaken    = WithKind(ErrUserExists, errors.New("email is already registered"))
	ErrOtherData     = WithKind(ErrConflict, errors.New("a chunk with this id and different content exists"))
	ErrOtherBatch    = WithKind(ErrConflict, errors.New("idempotency key was used with other content"))
)

// QuotaError says that a user may not keep so much.
type QuotaError struct{ Quota int64 }

func (e *QuotaError) Error() string {
	return fmt.Sprintf("the account may keep %d bytes, and this would be more", e.Quota)
}

// WithKind makes errors.Is find kind in err as well, whose text stays as it is.
func WithKind(kind, err error) error { return &kindError{kind, err} }

type kindError struct {
	kind error
	error
}

func (e *kindError) Unwrap() []error { return []error{e.kind, e.error} }

// Lineage tells databases apart, and a database from older copies of itself. Each Store gives its own, and
// counts, beside the contract.
type Lineage struct {
	Key    string `json:"key"`    // the SHA-256 of the signing key that it was last opened with, "" before the first
	Opened int64  `json:"opened"` // how often it was opened or backed up
}

// Usage is how much a database holds.
type Usage struct {
	Accounts, Chunks, JournalRows int64
	Bytes                         int64 // of the chunks' bodies, uncompressed
	DatabaseBytes                 int64 // of the database itself
}
