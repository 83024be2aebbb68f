package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/server/limits"
	"github.com/engram-sync/engram-sync/internal/server/metrics"
	"github.com/engram-sync/engram-sync/internal/server/pushbody"
	"github.com/engram-sync/engram-sync/internal/server/reading"
	"github.com/engram-sync/engram-sync/internal/server/spool"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// errClientGone is wrapped by errors of sending an answer.
var errClientGone = errors.New("the client did not take the answer")

// handler answers a request, or gives the error to answer it with: a refusal,
// or else something that went wrong here. After an error, other than
// errClientGone, nothing may have been written.
type handler func(w http.ResponseWriter, r *http.Request) error

// accountHandler is a handler for somebody who has signed in.
type accountHandler func(w http.ResponseWriter, r *http.Request, u store.User) error

// refusal is an answer that tells the client what it did wrong.
type refusal struct {
	status int
	text   string
	drain  int64 // how much more of the body to read before the answer
	again  int   // seconds for Retry-After, 0 without one
}

func (e *refusal) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// responder turns what handlers give into answers, and tells the log of them.
type responder struct {
	log     *slog.Logger
	access  *slog.Logger // a record for each request
	ready   *readiness
	metrics *metrics.Metrics
	// tell sends what the client gets to know of an error.
	tell func(w http.ResponseWriter, r *http.Request, status int, text string) error
}

// tellJSON is the tell of the protocol.
func tellJSON(w http.ResponseWriter, _ *http.Request, status int, text string) error {
	return writeJSON(w, status, reply{"error": text})
}

// handle turns what next gives into an answer. What went wrong here is logged;
// the client learns only whether it may try again.
func (to responder) handle(next handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := next(w, r)
		if err != nil && !errors.Is(err, errClientGone) {
			err = to.answerError(w, r, err)
		}
		if err != nil {
			to.log.DebugContext(r.Context(), "no answer", "path", loggedPath(r), "error", err.Error())
		}
	})
}

func (to responder) answerError(w http.ResponseWriter, r *http.Request, err error) error {
	told := refusalOf(err)
	to.ready.met(err)
	if told.status >= http.StatusInternalServerError && told.again == 0 && r.Context().Err() == nil {
		to.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", loggedPath(r), "error", err.Error())
	}
	if told.again > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(told.again))
	}
	if told.status == http.StatusRequestEntityTooLarge || told.status == http.StatusRequestTimeout {
		w.Header().Set("Connection", "close")
	}
	// Without any answer the http.Server would send an empty 200.
	return errors.Join(drain(r, told.drain), to.tell(w, r, told.status, told.text))
}

// refusalOf is what the client gets to know of an error.
func refusalOf(err error) *refusal {
	var told *refusal
	var bad *pushbody.Error
	var over *store.QuotaError
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &bad), errors.Is(err, ErrBadInput):
		return &refusal{status: http.StatusBadRequest, text: err.Error()}
	case errors.Is(err, reading.ErrForm):
		return &refusal{status: http.StatusBadRequest, text: err.Error()}
	case errors.Is(err, reading.ErrElsewhere):
		return &refusal{status: http.StatusForbidden, text: err.Error()}
	case errors.Is(err, pushbody.ErrTooMany):
		return &refusal{status: http.StatusRequestEntityTooLarge, text: err.Error()}
	case errors.Is(err, limits.ErrBusy), errors.Is(err, limits.ErrTooMuch):
		return &refusal{status: http.StatusServiceUnavailable, text: err.Error() + ": try again later", again: comeAgain}
	case errors.As(err, &over):
		return &refusal{status: http.StatusInsufficientStorage, text: over.Error()}
	case errors.Is(err, store.ErrConflict):
		return &refusal{status: http.StatusConflict, text: err.Error()}
	case errors.Is(err, store.ErrNotFound):
		return &refusal{status: http.StatusNotFound, text: err.Error()}
	case errors.Is(err, store.ErrFull), errors.Is(err, syscall.ENOSPC): // which passes only if somebody makes room
		return &refusal{status: http.StatusInsufficientStorage, text: "the server's disk is full"}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, spool.ErrDisk),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &refusal{status: http.StatusServiceUnavailable, text: "database unavailable"}
	}
	return &refusal{status: http.StatusInternalServerError, text: "internal error"}
}

// reply is an answer. Where the order of its members is that of the alphabet, it is
// that of the reference server.
type reply map[string]any

// writeJSON sends v with a newline behind it. An error means that the client is
// gone, or too slow.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a reply: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		return fmt.Errorf("%w: %w", errClientGone, err)
	}
	return nil
}

// send sends a body that waits in a spool, as fast as its client takes it.
func send(w http.ResponseWriter, body io.Reader) error {
	if _, err := io.Copy(w, body); err != nil { // which gives a slow client progressTimeout for each piece
		return fmt.Errorf("%w: %w", errClientGone, err)
	}
	return nil
}
