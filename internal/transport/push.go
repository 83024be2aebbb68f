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
		p := &push{entry: entry, open: open}
		err := t.post(ctx, op, p)
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
	req, err := t.newRequest(ctx, http.MethodPost, "/sync/push")
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if req.Body, err = p.newBody(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	req.GetBody, req.ContentLength = p.newBody, p.last.length()
	req.Header.Set("Content-Type", "application/json")
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
		return statusError(ctx, op, resp)
	}
	if !p.last.sent() {
		_ = resp.Body.Close() // an answer to half a request
		return &NetworkError{Op: op, Err: errors.New("the answer cannot be believed: it came before all was sent"), class: ErrOutcomeUnknown}
	}
	return readPushResult(op, p.entry.ID, resp)
}

// readPushResult believes only the answer that an account server gives.
// Source: account-server.md 3.1.
func readPushResult(op string, id engram.ChunkID, resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }() // its content has been judged
	var result struct {
		Status  string `json:"status"`
		ChunkID string `json:"chunk_id"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err == nil {
		err = json.Unmarshal(body, &result)
	}
	if err == nil && (result.Status != "accepted" || result.ChunkID != id.String()) {
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
	entry engram.ChunkEntry
	open  OpenFunc
	last  *pushBody // the latest body that was made
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
