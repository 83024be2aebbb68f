package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxPushBytes is the most that an account server takes in one push, the
// envelope included. Source: account-server.md 1.3.
const maxPushBytes = 52_428_800

// OpenFunc opens the content of a chunk from its beginning. It is called once
// for each attempt to send it.
type OpenFunc = func() (*engram.Chunk, error)

// WriteChunk stores a chunk: POST /sync/push. The content goes out as it is read, and
// is checked on the way: the last byte of the request is held back until the
// whole of it was found good, so that damage on this side aborts the request.
// A request whose fate is uncertain is looked for before anything else is done:
// nil means that the server has these bytes, ErrOutcomeUnknown that nobody
// knows, ErrRefused that it won't take them.
func (t *RemoteTransport) WriteChunk(ctx context.Context, entry engram.ChunkEntry, open OpenFunc) error {
	op := "push chunk " + entry.ID.String()
	c := &call{}
	ctx = withCall(ctx, c)
	pauses := newPauses()
	for {
		p, err := t.newPush(ctx, entry, open)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		err = t.post(ctx, op, p)
		if p.gzip && refusesGzip(err) {
			t.refuseGzip()
			continue
		}
		switch p.fate(ctx, err) {
		case fateKnown:
			return err
		case fateUncertain:
			if stored, settleErr := t.settle(ctx, op, p, err); stored || settleErr != nil {
				return settleErr
			}
		}
		if c.attempts > t.opts.Retries {
			return err
		}
		if err := t.rest(ctx, op, pauses.NextBackOff(), err); err != nil {
			return err
		}
	}
}

// newPush prepares one attempt, for the kind of server that this is. Where
// nobody has asked yet, that is an account server: a project server refuses what is
// meant for one, and stores nothing.
func (t *RemoteTransport) newPush(ctx context.Context, entry engram.ChunkEntry, open OpenFunc) (p *push, err error) {
	p = &push{entry: entry, open: open, free: func() {}}
	if t.Kind() == KindProject {
		p.project, err = t.project()
		p.gzip, p.limit = t.takesGzip(), t.pushLimit()
		p.reserve = func(size int64) (err error) {
			p.free() // of a body that is made anew
			p.free = func() {}
			free, err := t.reserve(ctx, size)
			if err == nil {
				p.free = free
			}
			return err
		}
	}
	return p, err
}

// rest waits before a request that was not applied is sent again.
func (t *RemoteTransport) rest(ctx context.Context, op string, pause time.Duration, cause error) error {
	if pause > noticeable {
		t.opts.Notify(Wait{For: pause, Cause: reason(cause)})
	}
	if err := sleep(ctx, pause); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// post sends one push and reads its answer.
func (t *RemoteTransport) post(ctx context.Context, op string, p *push) error {
	defer func() { p.free() }()
	req, err := t.newRequest(ctx, http.MethodPost, "/sync/push")
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if req.Body, err = p.newBody(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	req.GetBody, req.ContentLength = p.newBody, p.last.length()
	req.Header.Set("Content-Type", "application/json")
	if p.gzip {
		req.Header.Set("Content-Type", gzipEnvelope+"; version=1")
	}
	// Past the client: for a redirect it would open the content once more before
	// it asks whether to follow, and no redirect of a POST is followed.
	resp, err := t.client.Transport.RoundTrip(req)
	if ownErr := p.last.failure(); ownErr != nil {
		if err == nil {
			_ = resp.Body.Close() // an answer to half a request
		}
		return fmt.Errorf("%s: %w", op, ownErr)
	}
	if err != nil {
		return requestError(ctx, op, err)
	}
	if resp.StatusCode != http.StatusOK {
		return t.refusedPush(p, statusError(ctx, op, resp))
	}
	if !p.last.sent() {
		_ = resp.Body.Close() // an answer to half a request
		return &NetworkError{Op: op, Err: errors.New("the answer cannot be believed: it came before all was sent"), class: ErrOutcomeUnknown}
	}
	return t.readPushResult(op, p, resp)
}

// refusedPush explains the refusal of a project server, and learns its limit,
// which can't be known before. Source: project-server.md 1.
func (t *RemoteTransport) refusedPush(p *push, err error) error {
	var status *StatusError
	if p.project == "" || !errors.As(err, &status) {
		return err
	}
	if status.Status != http.StatusRequestEntityTooLarge {
		return t.aboutProject(err)
	}
	limit := namedLimit([]byte(status.Message))
	t.learnLimit(limit)
	return &TooLargeError{ID: p.entry.ID, Limit: limit}
}

// learnLimit remembers the limit that the server named, if it did.
func (t *RemoteTransport) learnLimit(limit int64) {
	t.kindMu.Lock()
	defer t.kindMu.Unlock()
	if limit > 0 {
		t.limit = limit
	}
}

// pushLimit is the largest push that the server takes; 0 if that is unknown.
func (t *RemoteTransport) pushLimit() int64 {
	t.kindMu.Lock()
	defer t.kindMu.Unlock()
	return t.limit
}

// readPushResult believes only the answer that the kind of server gives: the
// status "accepted" from account servers, "ok" from project servers, and the id.
// Source: account-server.md 3.1, project-server.md 3.1.
func (t *RemoteTransport) readPushResult(op string, p *push, resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }() // its content has been judged
	var result struct {
		Status  string `json:"status"`
		ChunkID string `json:"chunk_id"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err == nil {
		err = json.Unmarshal(body, &result)
	}
	if result.Status == p.otherYes() {
		t.forget()
	}
	if err == nil && (result.Status != p.yes() || result.ChunkID != p.entry.ID.String()) {
		err = fmt.Errorf("status %q for chunk %q", printable(result.Status), printable(result.ChunkID))
	}
	if err != nil {
		return &NetworkError{Op: op, Err: fmt.Errorf("the answer cannot be believed: %w", err), class: ErrOutcomeUnknown}
	}
	return nil
}

// fate is what is known of a push after its answer, or the lack of one.
type fate int

const (
	fateKnown     fate = iota // applied, or refused for good
	fateUnapplied             // certainly not applied: it may be sent again
	fateUncertain
)

// push is one attempt to store a chunk.
type push struct {
	entry   engram.ChunkEntry
	open    OpenFunc
	project string // "" for an account server
	gzip    bool
	limit   int64
	reserve func(size int64) error // waits for memory, for a project server
	free    func()                 // gives it back
	last    sentBody               // the latest that was made
}

// sentBody is the body of a push.
type sentBody interface {
	// sent says whether the last byte was given out.
	sent() bool
	// failure is what went wrong on our own side.
	failure() error
	// length is in bytes, -1 if it is not known before the end.
	length() int64
	// contentSum is the SHA-256 of the chunk, once all was sent.
	contentSum() [32]byte
}

// yes is how the server says that it has stored the push.
func (p *push) yes() string {
	if p.project != "" {
		return "ok"
	}
	return "accepted"
}

// otherYes is how a server of the other kind says it.
func (p *push) otherYes() string {
	if p.project != "" {
		return "accepted"
	}
	return "ok"
}

// newBody makes a body for one attempt.
func (p *push) newBody() (io.ReadCloser, error) {
	if p.project != "" {
		return p.newProjectBody()
	}
	return p.newAccountBody()
}

// fate judges a push by its error.
func (p *push) fate(ctx context.Context, err error) fate {
	if err == nil || p.last == nil || p.last.failure() != nil {
		return fateKnown
	}
	return fateOf(ctx, err, p.last.sent())
}

// fateOf judges a POST by its error, and by whether the server may have the
// whole of it.
func fateOf(ctx context.Context, err error, sent bool) fate {
	var status *StatusError
	var network *NetworkError
	switch {
	case errors.As(err, &status):
		return fateOfAnswer(status, sent)
	case sent && (ctx.Err() != nil || errors.As(err, &network)):
		return fateUncertain
	case errors.As(err, &network) && isTransient(network.Err) && errors.Is(network.class, ErrUnavailable) && !isDial(network.Err):
		return fateUnapplied // cut off before the end; dials were tried often enough
	}
	return fateKnown
}

// fateOfAnswer judges a POST by an answer other than 200.
func fateOfAnswer(status *StatusError, sent bool) fate {
	switch {
	case status.Status < 300 && sent: // some other way to say yes
		return fateUncertain
	case !errors.Is(status.class, ErrUnavailable), status.Status == http.StatusTooManyRequests:
		return fateKnown
	case sent:
		return fateUncertain
	case status.Status == http.StatusInternalServerError:
		return fateKnown
	}
	return fateUnapplied
}
