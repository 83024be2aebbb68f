package httplayer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/transport/network"
)

// Retry repeats what may be repeated, as long as neither the retries nor the time for
// them are spent, and holds all requests back while the server asks for quiet. Where it
// is overloaded, fewer go at once.
type Retry struct {
	Next    http.RoundTripper
	Retries int
	Time    time.Duration // that one request may take for failed attempts and pauses
	Notify  func(Wait)    // hears of long pauses, from several goroutines

	gate    gate
	lanes   lanes
	reached atomic.Bool // an answer came
}

const (
	// mostCharged is how much of Time an attempt takes at most: what moved bytes for
	// longer than that before it failed deserves another one.
	mostCharged = 30 * time.Second
	// firstShare of Time, an eighth, is for a server that could not be reached at all so far: more
	// likely than its restart is a wrong URL, or a network that is off.
	firstShare = 8
)

func (t *Retry) RoundTrip(req *http.Request) (*http.Response, error) {
	run := &run{Retry: t, req: req, call: callFrom(req.Context()), left: t.Time, pauses: newPauses()}
	switch {
	case run.call.NoWait:
		run.left = 0
	case run.call.Soon:
		run.left /= firstShare
	}
	run.whole = run.left
	resp, err := run.next()
	if err == nil && resp.StatusCode == http.StatusOK && run.call.mode == bodyResume {
		resp.Body = &resumingBody{run: run, body: resp.Body}
	}
	return resp, err
}

// newPauses gives full jitter: a pause is anything from 0 to a bound that
// doubles from half a second to ten seconds. The intervals are half of that, since
// a RandomizationFactor of 1 draws from 0 to twice the interval.
func newPauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: 250 * time.Millisecond, Multiplier: 2, RandomizationFactor: 1, MaxInterval: 5 * time.Second,
	}
}

// run is one request on its way through its attempts.
type run struct {
	*Retry
	req    *http.Request
	call   *Call
	whole  time.Duration // what it may take of Time
	left   time.Duration // of that
	tries  int
	pauses *backoff.ExponentialBackOff
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
		if err := r.rest(r.req.Context(), pause, describe(resp, err)); err != nil {
			return nil, &idleError{err} // a POST would not be sent again if it might have been applied
		}
	}
}

// rest waits before the next attempt, and says so if that takes long.
func (t *Retry) rest(ctx context.Context, pause time.Duration, cause string) error {
	if pause > noticeable {
		t.tell(Wait{For: pause, Cause: cause})
	}
	return cancellable.Sleep(ctx, pause)
}

func (t *Retry) tell(w Wait) {
	if t.Notify != nil {
		t.Notify(w)
	}
}

func (r *run) attempt() (*http.Response, error) {
	req, err := r.fresh()
	if err != nil {
		return nil, &idleError{&localError{err}}
	}
	ctx, leave, err := r.lanes.enter(req.Context())
	if err != nil {
		closeBody(req)
		return nil, &idleError{err}
	}
	defer leave()
	began := time.Now()
	err = r.gate.wait(ctx, r.left, r.tell)
	if r.left -= time.Since(began); err != nil {
		closeBody(req)
		return nil, &idleError{err}
	}
	req = req.WithContext(ctx)
	r.call.attempts++
	began = time.Now()
	resp, err := r.Next.RoundTrip(req)
	switch {
	case err != nil:
	case resp.StatusCode == http.StatusOK && r.call.mode == bodyWhole:
		err = r.call.readWhole(resp)
	case resp.StatusCode >= http.StatusBadRequest && req.Method == http.MethodGet:
		err = readRefusal(resp)
	}
	r.left -= min(time.Since(began), mostCharged)
	r.learn(began, resp, err)
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// fresh is the request with a body that nobody has read. It is made before there is a
// lane for it: what waits for memory must not hold up who would give some back.
func (r *run) fresh() (req *http.Request, err error) {
	req = r.req
	if r.tries++; r.tries > 1 && req.GetBody != nil {
		req = req.Clone(req.Context())
		req.Body, err = req.GetBody()
	}
	return req, err
}

// learn takes from what came of an attempt what is true for all requests.
func (r *run) learn(began time.Time, resp *http.Response, err error) {
	if err != nil {
		if network.IsDial(err) {
			r.lanes.narrow(began)
		}
		return
	}
	r.reached.Store(true)
	r.gate.close(resp)
	switch gatewayStatus(resp.StatusCode) {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable:
		r.lanes.narrow(began)
	case http.StatusGatewayTimeout:
	default:
		r.lanes.widen()
	}
}

// again says whether the outcome of an attempt may be tried again, and after
// which pause.
func (r *run) again(resp *http.Response, err error) (pause time.Duration, again bool) {
	if r.tries > r.Retries || r.req.Context().Err() != nil || !r.repeatable(resp, err) {
		return 0, false
	}
	if resp != nil {
		if _, asked := RetryAfter(resp); asked {
			return 0, true // the gate waits, for all
		}
	}
	pause = r.pauses.NextBackOff()
	r.left -= pause
	reserve := time.Duration(0)
	if err != nil && network.IsDial(err) && !r.reached.Load() {
		reserve = r.whole - r.Time/firstShare
	}
	return pause, r.left >= reserve
}

// repeatable says whether what came of an attempt allows another one: any GET
// after network errors, 408, 429, 502, 503 and 504; a POST or DELETE after 429 or where
// nothing was sent, which cannot have been applied, and after 502, 503 and 504 only if
// it is marked as idempotent. Source: account-server.md 5.2.3.
func (r *run) repeatable(resp *http.Response, err error) bool {
	get := r.req.Method == http.MethodGet
	if err != nil {
		if r.call.NoRetryOnStall && is[*stalledError](err) {
			return false
		}
		return (get || network.IsUnsent(err)) && isTransient(err)
	}
	switch gatewayStatus(resp.StatusCode) {
	case http.StatusTooManyRequests:
		return get || r.req.Body == nil || r.req.GetBody != nil
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return get || r.call.Idempotent
	case http.StatusRequestTimeout: // of a connection that was kept, or of a slow line
		return get
	}
	return false
}

// isTransient says whether a GET that failed so may work the next time.
func isTransient(err error) bool {
	if proxy, ok := errors.AsType[*network.ProxyError](err); ok && proxy.Refuses() {
		return false
	}
	return !is[*localError](err) && !is[*RetryLaterError](err) && !network.IsTrust(err) && !network.IsUnknownHost(err) && !network.IsNotHTTP(err)
}

// discard makes the connection free again if that costs little.
func discard(resp *http.Response) {
	if resp != nil {
		_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
		_ = resp.Body.Close()
	}
}

func describe(resp *http.Response, err error) string {
	if err != nil {
		return Printable(plain(err).Error())
	}
	return statusText(resp.StatusCode)
}

func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + strings.ToLower(http.StatusText(status)))
}
