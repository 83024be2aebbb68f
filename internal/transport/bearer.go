package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// bearerTransport puts the token on requests to the base URL's origin, and on
// no others: a RoundTripper runs again on each hop of a redirect. After a 401 it
// renews the token, if it can, and sends the request once more.
type bearerTransport struct {
	next      http.RoundTripper
	base      *url.URL
	source    TokenSource
	renewer   *renewer // nil if the token can't be renewed
	insecure  bool
	userAgent string
}

func (t *bearerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := "", error(nil)
	if sameOrigin(req.URL, t.base) && !callFrom(req.Context()).anonymous {
		token, err = t.token(req.Context())
	}
	if err != nil {
		closeBody(req)
		return nil, local(err)
	}
	resp, err := t.send(req, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || token == "" || t.renewer == nil {
		return resp, err
	}
	return t.replay(req, resp, token)
}

// replay renews the token and sends the request again. A 401 means that the
// server has not applied it.
func (t *bearerTransport) replay(req *http.Request, refused *http.Response, token string) (*http.Response, error) {
	if req.Body != nil && req.GetBody == nil {
		return refused, nil
	}
	discard(refused)
	renewed, err := t.renewer.renew(req.Context(), token, time.Now())
	if err == nil {
		err = t.check(renewed)
	}
	if err != nil {
		return nil, local(err)
	}
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, local(err)
		}
	}
	return t.send(again, renewed)
}

func (t *bearerTransport) send(req *http.Request, token string) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", t.userAgent)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return t.next.RoundTrip(req)
}

// token gives the token to send, renewed if it is about to end; "" for none.
func (t *bearerTransport) token(ctx context.Context) (string, error) {
	token, err := t.first(ctx)
	if err == nil && t.renewer != nil {
		token, err = t.renewer.fresh(ctx, token)
	}
	if err != nil {
		return "", err
	}
	return token, t.check(token)
}

// first gives the token as the source has it.
func (t *bearerTransport) first(ctx context.Context) (string, error) {
	if t.source == nil {
		return "", nil
	}
	return t.source.Token(ctx)
}

// check refuses to send a token that would be overheard, or that would break
// the header.
func (t *bearerTransport) check(token string) error {
	if token == "" {
		return nil
	}
	if t.base.Scheme != "https" && !t.insecure && !isLoopback(t.base) {
		return fmt.Errorf("%w to %s", ErrCleartext, t.base.Host)
	}
	if !fitsHeader(token) {
		return fmt.Errorf("%w: the token holds a character that no token has", ErrUnauthorized)
	}
	return nil
}

// fitsHeader says whether a text can be a token: neither blanks nor line ends
// nor anything that HTTP headers can't hold.
func fitsHeader(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// localError is an error of our own side: nothing was sent, and trying again
// won't help.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

// local makes a localError, unless the error is already one that tells its class
// itself, such as that of a refresh that found no server.
func local(err error) error {
	var later *RetryLaterError
	if errors.As(err, &later) {
		return later
	}
	return &localError{err}
}

// closeBody keeps the promise of a RoundTripper to close the body in any case.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // nothing was read from it
	}
}
