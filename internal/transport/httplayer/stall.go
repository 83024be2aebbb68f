package httplayer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/engram-sync/engram-sync/internal/panics"
)

// Stall ends a request in which no byte moved for a while. A slow one
// may take as long as it likes: a limit on the whole would make large chunks
// impossible on slow lines.
type Stall struct {
	Next    http.RoundTripper
	Timeout time.Duration
}

// stalledError is the cause of a context that a watchdog ended.
type stalledError struct{ after time.Duration }

func (e *stalledError) Error() string {
	return fmt.Sprintf("no data for %s", e.after)
}

func (t *Stall) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	dog := &watchdog{
		timeout: t.Timeout,
		timer:   time.AfterFunc(t.Timeout, func() { cancel(&stalledError{t.Timeout}) }),
	}
	req = req.WithContext(ctx)
	if req.Body != nil {
		req.Body = &watchedRequest{req.Body, dog}
		if get := req.GetBody; get != nil { // net/http asks when it finds a kept connection dead and takes another
			req.GetBody = func() (io.ReadCloser, error) {
				body, err := get()
				if err != nil {
					return nil, err
				}
				return &watchedRequest{body, dog}, nil
			}
		}
	}
	resp, err := t.Next.RoundTrip(req)
	dog.timer.Stop()
	if err != nil {
		err = cmp.Or(context.Cause(ctx), err) // the reason why a context ended, not "context canceled"
		cancel(nil)
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // nobody asked for that, and no context ends such a body
		_ = resp.Body.Close()
		resp.Body = http.NoBody
	}
	resp.Body = &watchedResponse{ReadCloser: resp.Body, dog: dog, ctx: ctx, cancel: cancel}
	return resp, nil
}

type watchdog struct {
	timer   *time.Timer
	timeout time.Duration
}

// watchedRequest lets the watchdog sleep while the body is made, and wakes it
// for the time in which the network takes it.
type watchedRequest struct {
	io.ReadCloser
	dog *watchdog
}

func (b *watchedRequest) Read(p []byte) (int, error) {
	defer panics.Guard()
	b.dog.timer.Stop()
	n, err := b.ReadCloser.Read(p)
	b.dog.timer.Reset(b.dog.timeout)
	return n, err
}

// watchedResponse runs the watchdog only while it waits for the network.
type watchedResponse struct {
	io.ReadCloser
	dog    *watchdog
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (b *watchedResponse) Read(p []byte) (int, error) {
	b.dog.timer.Reset(b.dog.timeout)
	n, err := b.ReadCloser.Read(p)
	b.dog.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		err = cmp.Or(context.Cause(b.ctx), err)
	}
	return n, err
}

func (b *watchedResponse) Close() error {
	b.dog.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
