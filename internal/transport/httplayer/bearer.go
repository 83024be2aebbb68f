package httplayer

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/transport/baseurl"
)

// Bearer puts the token on requests below the base URL, and on
// no others: a RoundTripper runs again on each hop of a redirect. After a 401 it
// renews the token, if it can, and sends the request once more.
type Bearer struct {
	Next      http.RoundTripper
	Base      *url.URL
	Source    TokenSource // nil if there is no token
	Renewer   *Renewer    // nil if the token can't be renewed
	Insecure  bool        // secrets may go over cleartext to other hosts
	UserAgent string

	good atomic.Pointer[taken]
}

// taken is the token that the server took last, and when.
type taken struct {
	token string
	at    time.Time
}

// aMoment is how long a token that was good is not doubted: longer than a database
// takes to start, and short enough for a run without end to notice that a key is revoked.
const aMoment = 5 * time.Minute

// TokenSource gives the bearer token for the server. An empty token means that
// none is sent. It must be safe for concurrent use.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

func (t *Bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := t.tokenFor(req)
	if err != nil {
		closeBody(req)
		return nil, local(err)
	}
	resp, err := t.send(req, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || token == "" || t.Renewer == nil {
		return resp, err
	}
	return t.replay(req, resp, token)
}

// tokenFor gives the token to send with a request; "" for none.
func (t *Bearer) tokenFor(req *http.Request) (string, error) {
	call := callFrom(req.Context())
	if call.Confidential {
		if err := t.checkPrivate(); err != nil {
			return "", err
		}
	}
	if call.Anonymous || !baseurl.IsBelow(req.URL, t.Base) {
		return "", nil
	}
	return t.Token(req.Context())
}

// replay renews the token and sends the request again. A 401 means that the
// server has not applied it.
func (t *Bearer) replay(req *http.Request, refused *http.Response, token string) (*http.Response, error) {
	if req.Body != nil && req.GetBody == nil {
		return refused, nil
	}
	discard(refused)
	renewed, err := t.Renewer.renew(req.Context(), token, time.Now())
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

func (t *Bearer) send(req *http.Request, token string) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", t.UserAgent)
	if token == "" {
		return t.Next.RoundTrip(req)
	}
	secret.Add(token) // the caller may be anybody
	req.Header.Set("Authorization", "Bearer "+token)
	good := t.good.Load()
	callFrom(req.Context()).goodBefore = good != nil && good.token == token && time.Since(good.at) < aMoment
	resp, err := t.Next.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusOK {
		t.good.Store(&taken{token, time.Now()})
	}
	return resp, err
}

// Token gives the token to send, renewed if it is about to end; "" for none.
func (t *Bearer) Token(ctx context.Context) (string, error) {
	token, err := t.first(ctx)
	if err == nil && t.Renewer != nil {
		token, err = t.Renewer.fresh(ctx, token)
	}
	if err != nil {
		return "", err
	}
	return token, t.check(token)
}

// first gives the token as the source has it.
func (t *Bearer) first(ctx context.Context) (string, error) {
	if t.Source == nil {
		return "", nil
	}
	return t.Source.Token(ctx)
}

// check refuses to send a token that would be overheard, or that would break
// the header.
func (t *Bearer) check(token string) error {
	if token == "" {
		return nil
	}
	if err := t.checkPrivate(); err != nil {
		return err
	}
	if !FitsHeader(token) {
		return fmt.Errorf("%w: the token holds a character that no token has", ErrUnauthorized)
	}
	return nil
}

// checkPrivate refuses to send a secret that would be overheard.
func (t *Bearer) checkPrivate() error {
	if !t.Insecure && !baseurl.IsPrivate(t.Base) {
		return fmt.Errorf("%w to %s", ErrCleartext, t.Base.Host)
	}
	return nil
}

// FitsHeader says whether a text can be a token: neither blanks nor line ends
// nor anything that HTTP headers can't hold.
func FitsHeader(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// closeBody keeps the promise of a RoundTripper to close the body in any case.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // nothing was read from it
	}
}
