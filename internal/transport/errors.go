package transport

import (
	"errors"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/account"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/project"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// The classes of failure that a caller decides on, whichever package below finds
// them. Every error of this package wraps exactly one of them, or
// engram.ErrDamaged, or is the context's or that of the caller's own reader.
var (
	// ErrUnauthorized: the server wants a token, or a better one.
	ErrUnauthorized = httplayer.ErrUnauthorized
	// ErrUnavailable: unreachable or overloaded; the same call may work later.
	ErrUnavailable = httplayer.ErrUnavailable
	// ErrRefused: the server understood and refused; repeating will not help.
	ErrRefused = httplayer.ErrRefused
	// ErrOutcomeUnknown: the request may or may not have been applied.
	ErrOutcomeUnknown = engram.ErrOutcomeUnknown
	// ErrNotEngram: something answers there, but it is no Engram Cloud server.
	ErrNotEngram = httplayer.ErrNotEngram
	// ErrNoProject: a project server, and nobody said which project.
	ErrNoProject = project.ErrNoProject
	// ErrOtherKind: the server is not of the kind that the user insists on.
	ErrOtherKind = errors.New("the server is of another kind")
	// ErrBadURL: the base URL can't be used.
	ErrBadURL = httplayer.ErrBadURL
	// ErrCleartext: a token would have gone over an unencrypted connection.
	ErrCleartext = httplayer.ErrCleartext
	// ErrTLS: the server's certificate is not trusted.
	ErrTLS = httplayer.ErrTLS
)

// Errors that come together with one of the classes, and tell more.
var (
	// ErrLoginExpired: the refresh token is refused; ErrUnauthorized.
	ErrLoginExpired = httplayer.ErrLoginExpired
	// ErrNoSignIn: the server has no accounts to sign in to.
	ErrNoSignIn = account.ErrNoSignIn
)

// Errors that callers look into.
type (
	// StatusError is an answer that says no.
	StatusError = httplayer.StatusError
	// NetworkError is a request without an answer.
	NetworkError = httplayer.NetworkError
	// RetryLaterError means that the server named a time that lies beyond what we wait.
	RetryLaterError = httplayer.RetryLaterError
	// TooLargeError is a chunk that the server's limit keeps out for good.
	TooLargeError = protocol.TooLargeError
)

// Codes with which project servers refuse.
const (
	CodeForbidden     = project.CodeForbidden
	CodePaused        = project.CodePaused
	CodeChunkConflict = project.CodeChunkConflict
)

// IsUnreachable says whether err is that no connection to the server came
// about, so that every other request would fail as well.
func IsUnreachable(err error) bool { return httplayer.IsUnreachable(err) }
