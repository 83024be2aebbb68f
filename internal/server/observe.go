package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"
)

// maxLoggedPath bounds what a hostile client can put into the log with one request.
const maxLoggedPath = 200

// requestIDLength tells the requests of a few days apart.
const requestIDLength = 12

// seen is what is known of a request by the end of it, besides its answer.
type seen struct {
	account string // "" without one
}

type seenKey struct{}

// seenIn is that of a request that observe has let through.
func seenIn(r *http.Request) *seen {
	if s, ok := r.Context().Value(seenKey{}).(*seen); ok {
		return s
	}
	return new(seen)
}

// observe wraps all routes: it logs and counts each request, gives it an id, turns a panic into a 500, and
// cuts off a client that does not keep pace.
func (to responder) observe(next http.Handler, address func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, end := time.Now(), to.metrics.Begin()
		id := rand.Text()[:requestIDLength]
		w.Header().Set("X-Request-Id", id)
		about := new(seen)
		client := address(r)
		r = r.WithContext(context.WithValue(r.Context(), seenKey{}, about))
		control := http.NewResponseController(w)
		out := &observedWriter{ResponseWriter: w, control: control, pace: pace{began: start}}
		if r.Body != nil && r.Body != http.NoBody {
			body := &progressBody{ReadCloser: r.Body, control: control, pace: pace{began: start}}
			// r is a copy: the http.Server wants to find its own body, by whose
			// type it knows whether a client still waits for leave to send.
			r.Body = body
			// For the case that nobody reads it: the server does before it replies.
			if err := body.extend(); err != nil {
				to.log.WarnContext(r.Context(), "cannot limit the time for a body", "error", err.Error())
			}
		}
		defer func() {
			took := time.Since(start)
			end(r.Pattern, out.status, took)
			// What a client wrote comes last: a rule that reads lines from their start is not deceived by it.
			to.access.InfoContext(r.Context(), "request", "id", id, "client", client, "status", out.status, "route", r.Pattern,
				"bytes", out.bytes, "ms", took.Milliseconds(), "account", about.account, "method", r.Method, "path", loggedPath(r))
		}()
		defer func() { to.recovered(out, r, recover()) }()
		next.ServeHTTP(out, r)
	})
}

// recovered answers a request whose handler panicked, if it still can.
func (to responder) recovered(out *observedWriter, r *http.Request, cause any) {
	if cause == nil {
		return
	}
	to.log.ErrorContext(r.Context(), "a handler panicked", "path", loggedPath(r),
		"panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if out.status != 0 {
		panic(http.ErrAbortHandler) // too late for another answer: cut this one off
	}
	if err := writeJSON(out, http.StatusInternalServerError, reply{"error": "internal error"}); err != nil {
		to.log.DebugContext(r.Context(), "no answer", "path", loggedPath(r), "error", err.Error())
	}
}

// loggedPath leaves out the query, where clients may put secrets.
func loggedPath(r *http.Request) string {
	path := r.URL.Path
	if len(path) > maxLoggedPath {
		path = path[:maxLoggedPath]
	}
	return path
}

// pace is how fast a client has to send or take a body: something within progressTimeout always, and
// on the whole leastRate, behind the first minute. Otherwise it could hold what is for all for days.
type pace struct {
	began time.Time
	bytes int64
}

const (
	paceless  = time.Minute
	leastRate = 4 << 10 // bytes a second
	// pieceBytes is how much of an answer gets progressTimeout.
	pieceBytes = 32 << 10
)

// deadline is until when the next piece has to be through.
func (p *pace) deadline() time.Time {
	next := time.Now().Add(progressTimeout)
	if last := p.began.Add(paceless + time.Duration(p.bytes)*time.Second/leastRate); last.Before(next) {
		return last
	}
	return next
}

// observedWriter notes status and size of an answer, and holds the client to its pace.
type observedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	status  int
	pace
}

func (w *observedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *observedWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *observedWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.bytes == 0 {
		w.began = time.Now() // before that it was our turn
	}
	sent := 0
	for first := true; first || sent < len(p); first = false { // a large piece gets no less time than many small ones
		if err := supported(w.control.SetWriteDeadline(w.deadline())); err != nil {
			return sent, err
		}
		n, err := w.ResponseWriter.Write(p[sent:min(len(p), sent+pieceBytes)])
		sent += n
		w.bytes += int64(n)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// progressBody holds the client to its pace in sending a body. Behind
// the end the http.Server takes the deadline off again.
type progressBody struct {
	io.ReadCloser
	control *http.ResponseController
	pace
}

func (b *progressBody) extend() error {
	return supported(b.control.SetReadDeadline(b.deadline()))
}

func (b *progressBody) Read(p []byte) (int, error) {
	if err := b.extend(); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	return n, err
}

// supported forgives a writer without deadlines, as tests have them.
func supported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
