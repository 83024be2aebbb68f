package httplayer_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/golang-jwt/jwt/v5"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// jwtFor makes an access token that is good for a while from now. The number
// tells tokens of the same second apart.
func jwtFor(n int, life time.Duration) string {
	return jwtSpan(n, time.Now(), time.Now().Add(life))
}

func jwtSpan(n int, start, end time.Time) string {
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"n": n, "iat": start.Unix(), "exp": end.Unix()}).SignedString([]byte("key"))
	if err != nil {
		panic(err) // maps of numbers can be encoded
	}
	return text
}

// authority is a server that takes one access token and exchanges one refresh token.
type authority struct {
	mu        sync.Mutex
	good      string // the access token that it takes
	refresh   string // the refresh token that it takes
	rotates   bool
	life      time.Duration
	fails     int // how many exchanges are answered 503
	exchanges int
	asked     int // requests with a token
	refused   int // of these, answered 401
	// sync answers a request with a good token.
	sync func(*http.Request) (*http.Response, error)
	// Waited for, where they are set, before an answer: to an exchange, and to a
	// request whose token is no good.
	hold, refuse chan struct{}
}

func (a *authority) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	if req.URL.Path == "/auth/refresh" {
		return a.exchange(req)
	}
	a.mu.Lock()
	a.asked++
	good := req.Header.Get("Authorization") == "Bearer "+a.good
	if !good {
		a.refused++
	}
	a.mu.Unlock()
	if !good {
		if a.refuse != nil {
			<-a.refuse
		}
		return wiretest.Answer(req, http.StatusUnauthorized, wiretest.Failure("invalid or expired token")), nil
	}
	if a.sync != nil {
		return a.sync(req)
	}
	return wiretest.Answer(req, http.StatusOK, wiretest.EmptyManifest), nil
}

func (a *authority) exchange(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if a.hold != nil {
		select {
		case <-a.hold:
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.exchanges++
	if req.Header.Get("Authorization") != "" {
		return wiretest.Answer(req, http.StatusBadRequest, wiretest.Failure("an exchange needs no token")), nil
	}
	if a.exchanges <= a.fails {
		return wiretest.Answer(req, http.StatusServiceUnavailable, wiretest.Failure("database unavailable")), nil
	}
	if string(body) != fmt.Sprintf(`{"refresh_token":%q}`, a.refresh) {
		return wiretest.Answer(req, http.StatusUnauthorized, wiretest.Failure("invalid or expired refresh token")), nil
	}
	a.good = jwtFor(a.exchanges, a.life)
	rotated := ""
	if a.rotates {
		a.refresh = fmt.Sprintf("refresh-%d", a.exchanges)
		rotated = a.refresh
	}
	return wiretest.Answer(req, http.StatusOK, fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"expires_in":3600}`, a.good, rotated)), nil
}

// safe is where tokens are stored, for one process or several.
type safe struct {
	mu     sync.Mutex // guards tokens
	tokens transport.Tokens
	lock   chan struct{} // between processes
	locked int
	err    error // of storing
}

func newSafe(access, refresh string) *safe {
	return &safe{tokens: transport.Tokens{Access: access, Refresh: refresh}, lock: make(chan struct{}, 1)}
}

func (v *safe) read(ctx context.Context) (transport.Tokens, func() error, error) {
	select {
	case v.lock <- struct{}{}:
	case <-ctx.Done():
		return transport.Tokens{}, nil, ctx.Err()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.locked++
	return v.tokens, func() error { <-v.lock; return nil }, nil
}

func (v *safe) keep(_ context.Context, tokens transport.Tokens) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err == nil {
		v.tokens = tokens
	}
	return v.err
}

// process is a transport that starts with what is in the safe.
func process(t *testing.T, a *authority, v *safe, change ...func(*transport.Options)) *transport.RemoteTransport {
	t.Helper()
	opts := transport.Options{Base: a, Concurrency: 50}
	for _, f := range change {
		f(&opts)
	}
	remote, err := transport.NewRemoteTransport(wiretest.Somewhere, wiretest.Token(v.tokens.Access), opts)
	if err != nil {
		t.Fatal(err)
	}
	remote.SetTokenRefresher(v.read, v.keep)
	return remote
}

// fourRetries bounds the attempts by a number that they always reach.
func fourRetries(o *transport.Options) { o.Retries = 4 }

// pass lets time go by, which takes none in a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }
