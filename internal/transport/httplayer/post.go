package httplayer

import (
	"bytes"
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

// Body is the body of a POST, and its length in bytes, -1 if that is not known
// before the end.
type Body struct {
	io.ReadCloser
	Length int64
}

func TextBody(text []byte) Body {
	return Body{io.NopCloser(bytes.NewReader(text)), int64(len(text))}
}

// Delivery is how far a message got.
type Delivery struct {
	// Idle says that it ended while no attempt was under way, and the one before
	// certainly left nothing.
	Idle bool
	body *sentBody
}

// Sent says whether the server may have the whole of the latest attempt.
// Nothing more of it is given out, so that the word stays true.
func (d *Delivery) Sent() bool { return d.body != nil && d.body.stop() }

// Post sends a message, and gives the answer whatever its status, for the
// caller to close. Retry repeats only what was certainly not applied; all else is
// for the caller to judge.
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
			d.body = &sentBody{Body: body}
			return d.body, nil
		}
		if req.Body, err = req.GetBody(); err != nil {
			return nil, d, fmt.Errorf("%s: %w", call.Op, err)
		}
		req.ContentLength = d.body.Length
		req.Header.Set("Content-Type", cmp.Or(m.ContentType, "application/json"))
	}
	if m.Key != "" {
		req.Header[idempotencyKey] = []string{m.Key}
	}
	// Past http.Client: for a redirect it would make the body once more before
	// it asks whether to follow, and no redirect of a POST is followed.
	resp, err := c.retry.RoundTrip(req)
	if d.body != nil {
		if own := d.body.failed(); own != nil {
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

// sentBody is a body on its way. net/http may close it while it reads it, and
// answer before it has read it: hence the lock.
type sentBody struct {
	Body

	mu      sync.Mutex
	given   int64
	sent    bool // the last byte was given out
	stopped bool
	failure error // of our own side, which net/http would bury
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failure != nil:
		return 0, b.failure
	case b.sent:
		return 0, io.EOF
	case b.stopped:
		return 0, errors.New("read after close")
	}
	n, err := b.Body.Read(p)
	b.given += int64(n)
	ended := err == io.EOF //nolint:errorlint // an error that wraps io.EOF is not the end
	b.sent = ended || err == nil && b.given == b.Length
	if err != nil && !ended {
		b.failure = err
	}
	return n, err
}

func (b *sentBody) Close() error {
	b.stop()
	return b.Body.Close()
}

func (b *sentBody) stop() (sent bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	return b.sent
}

func (b *sentBody) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failure
}
