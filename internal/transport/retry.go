package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// bodyMode is how far the retries of a GET reach into its body.
type bodyMode int

const (
	bodyAsIs   bodyMode = iota
	bodyWhole           // read inside the attempt, so that a cut body is a failed attempt
	bodyResume          // a cut body is asked for again, and goes on where it was cut
)

// call is what the layers know of one request of ours, over all its attempts
// and redirects. It travels in the context.
type call struct {
	mode     bodyMode
	limit    int64 // of a body that is read whole
	cut      bool  // a longer body is no error: it is cut after limit+1 bytes
	attempts int

	anonymous  bool // no token goes along
	repeatable bool // a POST that does no harm twice
	hurried    bool // somebody waits at a prompt: better an error than a pause
	fragile    bool // a server that does not answer is not asked again: it may hang
	unapplied  bool // the latest attempt is over, and certainly left nothing
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func callFrom(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// retryTransport repeats what may be repeated: a GET after network errors, 429,
// 502, 503 and 504; a POST only if it can't have been applied, which is after a
// failed dial or 429. Source: account-server.md 5.2.3.
type retryTransport struct {
	next    http.RoundTripper
	retries int
	budget  time.Duration // from the first attempt to the start of the last
	gate    *gate
}

func (t *retryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	run := &run{
		retryTransport: t, req: req, call: callFrom(req.Context()), budget: t.budget, started: time.Now(), pauses: newPauses(),
	}
	if run.call.hurried {
		run.budget = 0
	}
	resp, err := run.next()
	if err == nil && resp.StatusCode == http.StatusOK && run.call.mode == bodyResume {
		resp.Body = &resumingBody{run: run, body: resp.Body}
	}
	return resp, err
}

// newPauses gives full jitter: a pause is anything from 0 to a bound that
// doubles from half a second to ten seconds.
func newPauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: 250 * time.Millisecond, Multiplier: 2, RandomizationFactor: 1, MaxInterval: 5 * time.Second,
	}
}

// run is one request on its way through its attempts.
type run struct {
	*retryTransport
	req     *http.Request
	call    *call
	budget  time.Duration
	started time.Time
	tries   int
	pauses  *backoff.ExponentialBackOff
}

// next makes attempts until one is final.
func (r *run) next() (*http.Response, error) {
	for {
		resp, err := r.attempt()
		pause, again := r.again(resp, err)
		if !again {
			return resp, err
		}
		discard(resp)
		r.call.unapplied = true // for a POST; else it would not be sent again
		if err := r.rest(pause, describe(resp, err)); err != nil {
			return nil, err
		}
	}
}

// rest waits before the next attempt, and says so if that takes long.
func (r *run) rest(pause time.Duration, cause string) error {
	if pause > noticeable {
		r.gate.notify(Wait{For: pause, Cause: cause})
	}
	return sleep(r.req.Context(), pause)
}

func (r *run) attempt() (*http.Response, error) {
	if err := r.gate.wait(r.req.Context(), r.budget-time.Since(r.started)); err != nil {
		closeBody(r.req)
		return nil, err
	}
	req := r.req
	if r.tries++; r.tries > 1 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, &localError{err}
		}
		req = req.Clone(req.Context())
		req.Body = body
	}
	r.call.attempts++
	r.call.unapplied = false
	resp, err := r.retryTransport.next.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusOK && r.call.mode == bodyWhole {
		err = readWhole(resp, r.call.limit, r.call.cut)
	}
	if err != nil {
		return nil, err
	}
	r.gate.close(resp)
	return resp, nil
}

// again says whether the outcome of an attempt may be tried again, and after
// which pause.
func (r *run) again(resp *http.Response, err error) (pause time.Duration, again bool) {
	if r.tries > r.retries || r.req.Context().Err() != nil || !r.repeatable(resp, err) {
		return 0, false
	}
	if resp != nil {
		if _, asked := retryAfter(resp); asked {
			return 0, true // the gate waits, for all
		}
	}
	pause = r.pauses.NextBackOff()
	return pause, time.Since(r.started)+pause <= r.budget
}

func (r *run) repeatable(resp *http.Response, err error) bool {
	get := r.req.Method == http.MethodGet
	if err != nil {
		var stalled *stalledError
		if r.call.fragile && errors.As(err, &stalled) {
			return false
		}
		return isDial(err) || get && isTransient(err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return get || r.req.Body == nil || r.req.GetBody != nil
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return get || r.call.repeatable
	}
	return false
}

// isDial says whether no connection came about, so that nothing was sent. A
// name that doesn't exist won't exist a second later.
func isDial(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return false
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// isTransient says whether a GET that failed so may work the next time.
func isTransient(err error) bool {
	var local *localError
	var later *RetryLaterError
	var dns *net.DNSError
	switch {
	case errors.As(err, &local), errors.As(err, &later), isTrust(err):
		return false
	case errors.As(err, &dns) && dns.IsNotFound:
		return false
	case strings.Contains(err.Error(), "malformed HTTP"): // net/http has no type for it
		return false
	}
	return true
}

// wholeBody is a body that was read into memory, where it can't fail.
type wholeBody struct {
	*bytes.Reader
	text []byte
}

// Close implements io.Closer.
func (*wholeBody) Close() error { return nil }

// readWhole takes the body into memory.
func readWhole(resp *http.Response, limit int64, cut bool) error {
	body := resp.Body
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	closeErr := body.Close()
	long := int64(len(data)) > limit
	switch {
	case err != nil:
		return err
	case long && !cut:
		return &localError{fmt.Errorf("%w: the answer is larger than %d bytes", ErrRefused, limit)}
	case closeErr != nil && !long:
		return closeErr
	}
	resp.Body = &wholeBody{bytes.NewReader(data), data}
	return nil
}

// wholeText gives the body of an answer that was read whole, without another copy.
func wholeText(resp *http.Response) ([]byte, error) {
	if body, ok := resp.Body.(*wholeBody); ok {
		return body.text, nil
	}
	return io.ReadAll(resp.Body)
}

// discard makes the connection free again if that costs little.
func discard(resp *http.Response) {
	if resp != nil {
		_, _ = io.CopyN(io.Discard, resp.Body, maxErrorBody)
		_ = resp.Body.Close()
	}
}

func describe(resp *http.Response, err error) string {
	if err != nil {
		return printable(plain(err).Error())
	}
	return statusText(resp.StatusCode)
}

func statusText(status int) string {
	return strconv.Itoa(status) + " " + strings.ToLower(http.StatusText(status))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
