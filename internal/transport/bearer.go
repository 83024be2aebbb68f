package transport

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// bearerTransport puts the token on requests to the base URL's origin, and on
// no others: a RoundTripper runs again on each hop of a redirect.
type bearerTransport struct {
	next      http.RoundTripper
	base      *url.URL
	source    TokenSource
	insecure  bool
	userAgent string
}

func (t *bearerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", t.userAgent)
	if t.source != nil && sameOrigin(req.URL, t.base) {
		token, err := t.source.Token(req.Context())
		if err == nil {
			err = t.check(token)
		}
		if err != nil {
			closeBody(req)
			return nil, &localError{err}
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
	}
	return t.next.RoundTrip(req)
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
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%w: the token holds a character that no token has", ErrUnauthorized)
	}
	return nil
}

// localError is an error of our own side: nothing was sent, and trying again
// won't help.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

// closeBody keeps the promise of a RoundTripper to close the body in any case.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // nothing was read from it
	}
}
