package transport

import (
	"errors"
	"fmt"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// The classes of failure that a caller decides on. Every error of this package
// wraps exactly one of them, or engram.ErrDamaged, or is the context's or that
// of the caller's own reader.
var (
	// ErrUnauthorized: the server wants a token, or a better one.
	ErrUnauthorized = errors.New("not authenticated")
	// ErrUnavailable: unreachable or overloaded; the same call may work later.
	ErrUnavailable = errors.New("remote unavailable")
	// ErrRefused: the server understood and refused; repeating will not help.
	ErrRefused = errors.New("refused by the server")
	// ErrOutcomeUnknown: the request may or may not have been applied.
	ErrOutcomeUnknown = engram.ErrOutcomeUnknown
	// ErrNotEngram: something answers there, but it is no Engram Cloud server.
	ErrNotEngram = errors.New("not an Engram Cloud server")
	// ErrNoProject: a project server, and nobody said which project.
	ErrNoProject = errors.New("this is a project server, and no project is known")
	// ErrOtherKind: the server is not of the kind that the user insists on.
	ErrOtherKind = errors.New("the server is of another kind")
	// ErrBadURL: the base URL can't be used.
	ErrBadURL = errors.New("bad remote URL")
	// ErrCleartext: a token would have gone over an unencrypted connection.
	ErrCleartext = errors.New("refusing to send a token over cleartext http")
	// ErrTLS: the server's certificate is not trusted.
	ErrTLS = errors.New("TLS failed")
)

// StatusError is an answer that says no.
type StatusError struct {
	Op       string // what was asked for, such as "push chunk 0cdb38de"
	Status   int
	Message  string // the server's words, made safe to print; "" if it had none
	Code     string // error_code of project servers
	Attempts int
	// Final says that the server itself answered in its own format, so it is
	// done with the request: nothing of it is still under way.
	Final bool
	class error
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s: %d", e.Op, e.Status)
	if e.Message != "" {
		text += " " + e.Message
	}
	return text + attempts(e.Attempts)
}

// Unwrap gives the class.
func (e *StatusError) Unwrap() error { return e.class }

// NetworkError is a request without an answer.
type NetworkError struct {
	Op       string
	Attempts int
	Err      error
	class    error
}

func (e *NetworkError) Error() string {
	// What net/http says repeats headers and certificates of the other side.
	return fmt.Sprintf("%s: %s%s", e.Op, printable(e.Err.Error()), attempts(e.Attempts))
}

// Unwrap gives the class and the cause.
func (e *NetworkError) Unwrap() []error { return []error{e.class, e.Err} }

// RetryLaterError means that the server named a time that lies beyond what we wait.
type RetryLaterError struct {
	Op     string
	Status int
	At     time.Time
	Wait   time.Duration
}

func (e *RetryLaterError) Error() string {
	return fmt.Sprintf("%s: %d the server asks to come back in %s, at %s", e.Op, e.Status,
		e.Wait.Round(time.Second), e.At.Local().Format("15:04:05"))
}

// Unwrap gives ErrUnavailable.
func (e *RetryLaterError) Unwrap() error { return ErrUnavailable }

// TooLargeError is a chunk that the server's limit keeps out for good.
type TooLargeError struct {
	ID    engram.ChunkID
	Limit int64 // of the whole push, in bytes
}

func (e *TooLargeError) Error() string {
	if e.Limit == 0 {
		return fmt.Sprintf("chunk %s is too large for the server", e.ID)
	}
	return fmt.Sprintf("chunk %s is too large: the server takes at most %s in one push", e.ID, bytesAndMiB(e.Limit))
}

// bytesAndMiB is a size to compare with others and with settings.
func bytesAndMiB(n int64) string {
	if n == 0 || n%(1<<20) != 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d bytes (%d MiB)", n, n>>20)
}

// Unwrap gives ErrRefused.
func (e *TooLargeError) Unwrap() error { return ErrRefused }

// refusedError is an ErrRefused that nobody but us has spoken: it would be wrong
// to say that the server refused.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

// Unwrap gives ErrRefused.
func (e *refusedError) Unwrap() error { return ErrRefused }

func attempts(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d attempts)", n)
}
