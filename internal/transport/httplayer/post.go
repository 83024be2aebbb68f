package httplayer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// idempotencyKey is written in small letters on purpose: where net/http sees the
// header in its usual spelling it takes a POST for repeatable and sends it again
// by itself when a kept connection breaks. Servers that don't know the header
// would apply it twice.
const idempotencyKey = "idempotency-key"

// Message is what a POST sends.
type Message struct {
	Method      string // "" is POST
	Path        string
	ContentType string // "" is JSON
	Key         string // by which a server may know it again; "" sends none
	// NewBody makes the body anew for each attempt; nil is a message without one.
	NewBody func() (Body, error)
}

// Body is the body of a POST, which knows how far it got. net/http may close it
// while it reads it, and answer before it has read it.
type Body interface {
	io.ReadCloser
	// Sent says whether the last byte was given out, so that the server may have
	// the whole request.
	Sent() bool
	// Failure is what went wrong on our own side, which net/http would bury.
	Failure() error
	// Length is in bytes, -1 if it is not known before the end.
	Length() int64
}

// Delivery is how far a message got.
type Delivery struct {
	// Idle says that it ended while no attempt was under way, and the one before
	// certainly left nothing.
	Idle bool
	body Body
}

// Sent says whether the server may have the whole of the latest attempt.
func (d *Delivery) Sent() bool { return d.body != nil && d.body.Sent() }

// Post sends a message, and gives the answer whatever its status, for the
// caller to close. Retry repeats
// only what was certainly not applied; all else is for the caller to judge.
func (c *Client) Post(ctx context.Context, call *Call, m Message) (*http.Response, *Delivery, error) {
	d := &Delivery{}
	req, err := c.newRequest(ctx, call, cmp.Or(m.Method, http.MethodPost), m.Path)
	if err != nil {
		return nil, d, err
	}
	if m.NewBody != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := m.NewBody()
			if err != nil {
				return nil, err
			}
			d.body = body
			return body, nil
		}
		if req.Body, err = req.GetBody(); err != nil {
			return nil, d, fmt.Errorf("%s: %w", call.Op, err)
		}
		req.ContentLength = d.body.Length()
		req.Header.Set("Content-Type", cmp.Or(m.ContentType, "application/json"))
	}
	if m.Key != "" {
		req.Header[idempotencyKey] = []string{m.Key}
	}
	// Past http.Client: for a redirect it would make the body once more before
	// it asks whether to follow, and no redirect of a POST is followed.
	resp, err := c.retry.RoundTrip(req)
	if d.body != nil {
		if own := d.body.Failure(); own != nil {
			if err == nil {
				_ = resp.Body.Close() // an answer to half a request
			}
			return nil, d, fmt.Errorf("%s: %w", call.Op, own)
		}
	}
	if err != nil {
		d.Idle = is[*idleError](err)
		return nil, d, call.NoAnswer(ctx, err)
	}
	return resp, d, nil
}

// textBody is a body that is in memory as a whole. net/http may read it while
// the answer is judged already: hence the lock.
type textBody struct {
	size int64

	mu      sync.Mutex
	rest    []byte
	stopped bool
}

// TextBody makes a body of a text.
func TextBody(text []byte) Body { return &textBody{size: int64(len(text)), rest: text} }

func (b *textBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stopped:
		return 0, errors.New("read after close")
	case len(b.rest) == 0:
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *textBody) Close() error {
	b.Sent()
	return nil
}

// Sent gives out no more, so that its word stays true.
func (b *textBody) Sent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	return len(b.rest) == 0
}

func (b *textBody) Failure() error { return nil }

func (b *textBody) Length() int64 { return b.size }
