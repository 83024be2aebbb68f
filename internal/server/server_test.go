package server_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

// open makes a Server that is closed with the test.
func open(t testing.TB, opts server.Options) *server.Server {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	s, err := server.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// client talks to a server over a real listener.
type client struct {
	t     testing.TB
	url   string
	token string
	http  *http.Client
}

// listen serves s on loopback and gives a client of the account "local".
func listen(t testing.TB, s *server.Server) client {
	t.Helper()
	hs := httptest.NewServer(s.Handler())
	t.Cleanup(hs.Close)
	token, err := s.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	web := hs.Client()
	web.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client{t: t, url: hs.URL, token: token, http: web}
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends one request. headers are "Name: value".
func (c client) do(method, path string, body io.Reader, headers ...string) reply {
	c.t.Helper()
	a := wiretest.Ask(c.t, c.http, c.token, method, c.url+path, body, headers...)
	return reply{a.Status, a.Header, a.Body}
}

func (c client) get(path string, headers ...string) reply {
	c.t.Helper()
	return c.do(http.MethodGet, path, nil, headers...)
}

func (c client) post(path, body string, headers ...string) reply {
	c.t.Helper()
	return c.do(http.MethodPost, path, strings.NewReader(body), headers...)
}

// as is the same client with another token; "" is none.
func (c client) as(token string) client {
	c.token = token
	return c
}

// shut closes what a test has opened. That the server was faster is fine.
func shut(t testing.TB, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// want fails the test unless r has this status and, if not "", this body.
func (r reply) want(t testing.TB, status int, body string) {
	t.Helper()
	if r.status != status || body != "" && r.body != body {
		t.Errorf("got %d %.300q, want %d %.300q", r.status, r.body, status, body)
	}
}

// decode reads a JSON object out of a reply.
func (r reply) decode(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%v in %q", err, r.body)
	}
	return v
}

// account is what register and login answer.
type account struct {
	UserID       string `json:"user_id"`
	Username     string `json:"username"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
}

func (r reply) account(t testing.TB) account {
	t.Helper()
	var a account
	if err := json.Unmarshal([]byte(r.body), &a); err != nil {
		t.Fatalf("%v in %q", err, r.body)
	}
	return a
}

// register makes an account, with the password "password-of-NAME".
func (c client) register(name string) account {
	c.t.Helper()
	r := c.post("/auth/register", `{"username":"`+name+`","email":"`+name+`@example.com","password":"password-of-`+name+`"}`)
	r.want(c.t, http.StatusCreated, "")
	return r.account(c.t)
}

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
