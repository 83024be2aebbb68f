package httplayer

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/transport/network"
)

// The classes of failure that a caller decides on. Every error of a request
// wraps exactly one of them, or is the context's or that of the caller's own reader.
var (
	// ErrUnauthorized: the server wants a token, or a better one.
	ErrUnauthorized = errors.New("not authenticated")
	// ErrUnavailable: unreachable or overloaded; the same call may work later.
	ErrUnavailable = errors.New("remote unavailable")
	// ErrRefused: the server understood and refused; repeating will not help.
	ErrRefused = errors.New("refused by the server")
	// ErrNotEngram: something answers there, but it is no Engram Cloud server.
	ErrNotEngram = errors.New("not an Engram Cloud server")
	// ErrCleartext: a token would have gone over an unencrypted connection.
	ErrCleartext = errors.New("refusing to send a token over cleartext http")
	// ErrTLS: no connection that can be trusted came about.
	ErrTLS = errors.New("TLS failed")
	// What tells more than ErrTLS: nobody here knows the authority of the server's
	// certificate, the server wants one of ours, it wants TLS at all, or none.
	ErrAuthority  = fmt.Errorf("%w: unknown authority", ErrTLS)
	ErrClientCert = fmt.Errorf("%w: client certificate", ErrTLS)
	ErrWantsTLS   = fmt.Errorf("%w: https is wanted", ErrTLS)
	ErrWantsPlain = fmt.Errorf("%w: http is wanted", ErrTLS)
	// ErrLoginExpired: the refresh token is refused, so that only a new login
	// helps. It comes together with ErrUnauthorized.
	ErrLoginExpired = errors.New("the login has expired")
)

// StatusError is an answer that says no.
type StatusError struct {
	Op       string // what was asked for, such as "push chunk 0cdb38de"
	Status   int
	Message  string // the server's words, made safe to print; "" if it had none
	Code     string // error_code of project servers
	SQLState string // the five characters with which PostgreSQL names an error, where its words were passed on
	Attempts int
	// Final says that the server itself answered in its own format, so it is
	// done with the request: nothing of it is still under way.
	Final bool
	// ToAll says that whatever is sent gets this answer, so that it is about none of it.
	ToAll bool
	// Class is what it means for the caller: one of the errors above.
	Class error

	cut   bool // the answer was
	body  []byte
	words []byte // the whole of Message, where it came in a form that servers use
}

// Says finds words in what the server says, in the form in which servers say it: not
// in a page of HTML.
func (e *StatusError) Says(words *regexp.Regexp) bool { return words.Match(e.words) }

// Body is the beginning of the answer as it came, which may be unfit to print.
func (e *StatusError) Body() []byte { return e.body }

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s: %d", e.Op, e.Status)
	if e.Message != "" {
		text += " " + e.Message
	}
	if e.cut {
		text += " (the answer was cut)"
	}
	if e.ToAll {
		text += " (the answer to whatever is sent)"
	}
	return text + attempts(e.Attempts)
}

func (e *StatusError) Unwrap() error { return e.Class }

// NetworkError is a request without an answer, or without one that can be believed.
type NetworkError struct {
	Op       string
	Attempts int
	Err      error
	// Class is what it means for the caller: one of the errors above, or
	// engram.ErrOutcomeUnknown.
	Class error
}

func (e *NetworkError) Error() string {
	// What net/http says repeats headers and certificates of the other side.
	return fmt.Sprintf("%s: %s%s", e.Op, Printable(e.Err.Error()), attempts(e.Attempts))
}

func (e *NetworkError) Unwrap() []error { return []error{e.Class, e.Err} }

// Unbelieved is the error for an answer that says yes, and cannot be believed.
func Unbelieved(op string, reason error) *NetworkError {
	return &NetworkError{Op: op, Class: engram.ErrOutcomeUnknown, Err: fmt.Errorf("the answer cannot be believed: %w", reason)}
}

// RetryLaterError means that the server named a time that lies beyond what we wait.
type RetryLaterError struct {
	Op     string
	Status int
	At     time.Time
	Wait   time.Duration
}

func (e *RetryLaterError) Error() string {
	return fmt.Sprintf("%s: %d the server asks to come back in %s, at %s", e.Op, e.Status,
		e.Wait.Round(time.Second), safetext.Clock(e.At, time.Now()))
}

func (e *RetryLaterError) Unwrap() error { return ErrUnavailable }

// Refusal is an error of class ErrRefused that nobody but us has spoken: it would
// be wrong to say that the server refused.
func Refusal(format string, args ...any) error {
	return &classError{text: fmt.Sprintf(format, args...), class: ErrRefused}
}

// classError has the class of an error, and a text of its own.
type classError struct {
	text  string
	class error
}

func (e *classError) Error() string { return e.text }

func (e *classError) Unwrap() error { return e.class }

// localError is an error of our own side: nothing was sent, and trying again
// won't help.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

// local makes a localError, unless the error is already one that tells its class
// itself, such as that of a refresh that found no server.
func local(err error) error {
	if later, ok := errors.AsType[*RetryLaterError](err); ok {
		return later
	}
	return &localError{err}
}

// idleError is what ended a request while no attempt was under way: the one
// before it, if there was one, certainly left nothing.
type idleError struct{ error }

func (e *idleError) Unwrap() error { return e.error }

func attempts(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d attempts)", n)
}

// IsUnreachable says whether err is that no connection to the server came
// about, so that every other request would fail as well.
func IsUnreachable(err error) bool {
	lost, ok := errors.AsType[*NetworkError](err)
	return ok && network.IsDial(lost.Err)
}

// Reason is what went wrong, without the operation, which stands before it already.
func Reason(err error) string {
	if lost, ok := errors.AsType[*NetworkError](err); ok {
		return Printable(lost.Err.Error())
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		return fmt.Sprintf("%d %s", status.Status, status.Message)
	}
	return err.Error()
}
