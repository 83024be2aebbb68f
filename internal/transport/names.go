package transport

import (
	"errors"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/account"
	"github.com/engram-sync/engram-sync/internal/transport/baseurl"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/network"
	"github.com/engram-sync/engram-sync/internal/transport/project"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// The classes of failure that a caller decides on, as the packages below find and
// describe them. Every error of this package wraps exactly one of them, or
// engram.ErrDamaged, or is the context's or that of the caller's own reader.
var (
	ErrUnauthorized   = httplayer.ErrUnauthorized
	ErrUnavailable    = httplayer.ErrUnavailable
	ErrRefused        = httplayer.ErrRefused
	ErrOutcomeUnknown = engram.ErrOutcomeUnknown
	ErrNotEngram      = httplayer.ErrNotEngram
	ErrNoProject      = project.ErrNoProject
	ErrBadURL         = baseurl.ErrBad
	ErrCleartext      = httplayer.ErrCleartext
	ErrTLS            = httplayer.ErrTLS
	ErrAuthority      = httplayer.ErrAuthority
	ErrClientCert     = httplayer.ErrClientCert
	ErrWantsTLS       = httplayer.ErrWantsTLS
	ErrWantsPlain     = httplayer.ErrWantsPlain
	ErrProxy          = network.ErrProxy
	// ErrOtherKind: the server is not of the kind that the user insists on.
	ErrOtherKind = errors.New("the server is of another kind")

	// What tells more than the class.
	ErrLoginExpired = httplayer.ErrLoginExpired
	ErrNoSignIn     = account.ErrNoSignIn
	ErrLongPassword = account.ErrLongPassword
)

// What else of the packages below callers of a transport need to know.
type (
	StatusError     = httplayer.StatusError
	NetworkError    = httplayer.NetworkError
	RetryLaterError = httplayer.RetryLaterError
	ProxyError      = network.ProxyError
	TooLargeError   = protocol.TooLargeError

	Way          = httplayer.Way
	Step         = httplayer.Step
	Wait         = httplayer.Wait
	TokenSource  = httplayer.TokenSource
	Tokens       = httplayer.Tokens
	StoredTokens = httplayer.StoredTokens
	AuthResult   = account.AuthResult
	Gzip         = project.Gzip
	OpenFunc     = protocol.OpenFunc
	StoreFunc    = protocol.StoreFunc

	MutationEntry         = engram.MutationEntry
	ContentError          = engram.ContentError
	BatchTooLargeError    = engram.BatchTooLargeError
	PushMutationsResult   = engram.PushMutationsResult
	PullMutationResult    = engram.PullMutationResult
	PullMutationsResponse = engram.PullMutationsResponse
)

// The steps of a Way.
const (
	StepProxy   = httplayer.StepProxy
	StepDNS     = httplayer.StepDNS
	StepConnect = httplayer.StepConnect
	StepTLS     = httplayer.StepTLS
	StepAnswer  = httplayer.StepAnswer
	StepDone    = httplayer.StepDone
)

// Codes with which project servers refuse.
const (
	CodeForbidden     = project.CodeForbidden
	CodePaused        = project.CodePaused
	CodeChunkConflict = project.CodeChunkConflict
)

// See httplayer, which they are of.
var (
	IsUnreachable = httplayer.IsUnreachable
	NormalizeURL  = baseurl.Normalize
	TokenEnd      = httplayer.TokenEnd
	Inspect       = httplayer.Inspect
)
