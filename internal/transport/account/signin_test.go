package account_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// stranger is a transport without a token.
func stranger(t testing.TB, url string, opts transport.Options) *transport.RemoteTransport {
	t.Helper()
	remote, err := transport.NewRemoteTransport(url, nil, opts)
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

// An account begins, signs in, refreshes and mints a key at a real server.
func TestAnAccountAtARealServer(t *testing.T) {
	listener := httptest.NewServer(wiretest.OpenServer(t, server.Options{}).Handler())
	defer listener.Close()
	guest := stranger(t, listener.URL, transport.Options{})
	const password = "correct horse"

	registered, err := guest.Register(t.Context(), "ana", "ana@example.com", password, "")
	if err != nil || registered.Username != "ana" || registered.UserID == "" || registered.Refresh == "" {
		t.Fatalf("register: %+v, %v", registered, err)
	}
	_, err = guest.Register(t.Context(), "ana", "other@example.com", password, "")
	wiretest.OneClass(t, err, transport.ErrRefused)
	_, err = guest.Login(t.Context(), "ana", "wrong")
	wiretest.OneClass(t, err, transport.ErrUnauthorized)

	signedIn, err := guest.Login(t.Context(), "ana@example.com", password)
	if err != nil || signedIn.UserID != registered.UserID {
		t.Fatalf("log in: %v", err)
	}
	renewed, err := guest.Exchange(t.Context(), signedIn.Refresh)
	if err != nil {
		t.Fatalf("exchange: %v", err)
	}
	_, err = guest.Exchange(t.Context(), renewed.Access) // the wrong kind
	wiretest.OneClass(t, err, transport.ErrUnauthorized)

	key := mintKey(t, listener.URL, renewed.Access)
	remote := withToken(t, listener.URL, key)
	if _, err := remote.ReadManifest(t.Context()); err != nil {
		t.Errorf("with the key: %v", err)
	}
	for range 2 { // having none is fine
		if err := withToken(t, listener.URL, renewed.Access).RevokeAPIKey(t.Context()); err != nil {
			t.Errorf("revoke: %v", err)
		}
	}
	_, err = remote.ReadManifest(t.Context()) // with a key that was good a moment ago
	wiretest.OneClass(t, err, transport.ErrUnavailable)
	_, err = withToken(t, listener.URL, key).ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrUnauthorized)
	_, err = guest.CreateAPIKey(t.Context())
	wiretest.OneClass(t, err, transport.ErrUnauthorized)
}

func withToken(t *testing.T, url, access string) *transport.RemoteTransport {
	t.Helper()
	remote, err := transport.NewRemoteTransport(url, wiretest.Token(access), transport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

func mintKey(t *testing.T, url, access string) string {
	t.Helper()
	key, err := withToken(t, url, access).CreateAPIKey(t.Context())
	if err != nil || !strings.HasPrefix(key, "eng_") {
		t.Fatalf("create a key: %v", err)
	}
	return key
}

// At a prompt an answer is worth more than a pause: the limit is told at once,
// however many retries there are.
func TestTooManyAttempts(t *testing.T) {
	for name, retries := range map[string]int{"with retries": 4, "without": -1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen, began := 0, time.Now()
				remote := stranger(t, wiretest.Somewhere, transport.Options{Retries: retries, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
					seen++
					return wiretest.Answer(req, http.StatusTooManyRequests, wiretest.Failure("rate limit exceeded"), "Retry-After: 58"), nil
				})})
				_, err := remote.Login(t.Context(), "ana", "hunter2hunter2")
				var later *transport.RetryLaterError
				if !errors.As(err, &later) || later.Wait.Round(time.Second) != 59*time.Second || !strings.HasPrefix(err.Error(), "log in: 429 ") {
					t.Errorf("got %v", err)
				}
				wiretest.OneClass(t, err, transport.ErrUnavailable)
				if seen != 1 || time.Since(began) != 0 {
					t.Errorf("%d requests in %s", seen, time.Since(began))
				}
			})
		})
	}
}

func TestTheRealServersLimit(t *testing.T) {
	listener := httptest.NewServer(wiretest.OpenServer(t, server.Options{}).Handler())
	defer listener.Close()
	guest := stranger(t, listener.URL, transport.Options{})
	for range 10 { // each counts, also one that needs no look at a password, which takes long
		_, err := guest.Login(t.Context(), "", "")
		wiretest.OneClass(t, err, transport.ErrRefused)
	}
	_, err := guest.Login(t.Context(), "", "")
	var later *transport.RetryLaterError
	if !errors.As(err, &later) || later.Wait > 62*time.Second {
		t.Errorf("got %v", err)
	}
}

// calls are all that this file is about, each with secrets in it.
func calls(ctx context.Context, t testing.TB, url string, opts transport.Options) map[string]error {
	t.Helper()
	remote, err := transport.NewRemoteTransport(url, wiretest.Token("hunter2-access"), opts)
	if err != nil {
		t.Fatal(err)
	}
	errs := map[string]error{}
	_, errs["register"] = remote.Register(ctx, "ana", "ana@example.com", "hunter2-password", "")
	_, errs["login"] = remote.Login(ctx, "ana", "hunter2-password")
	_, errs["exchange"] = remote.Exchange(ctx, "hunter2-refresh")
	_, errs["create"] = remote.CreateAPIKey(ctx)
	errs["revoke"] = remote.RevokeAPIKey(ctx)
	return errs
}

// A password needs the same care as a token: nothing goes out in clear text.
func TestSecretsDoNotGoInCleartext(t *testing.T) {
	for url, allowed := range map[string]bool{
		"http://engram.example.com":     false,
		"http://localhost.example.com":  false,
		"http://[fe80::1%25lo]:8080":    false,
		"http://127.0.0.1.nip.io":       false,
		"http://10.0.0.1:443":           false,
		"http://localhost:8080":         true,
		"http://[::1]":                  true,
		"https://engram.example.com:80": true,
	} {
		seen := 0
		network := wiretest.Base(func(req *http.Request) (*http.Response, error) {
			seen++
			return wiretest.Answer(req, http.StatusTeapot, wiretest.Failure("no")), nil
		})
		for name, err := range calls(t.Context(), t, url, transport.Options{Base: network}) {
			if errors.Is(err, transport.ErrCleartext) == allowed {
				t.Errorf("%s to %s: %v", name, url, err)
			}
		}
		if (seen > 0) != allowed {
			t.Errorf("%s: %d requests", url, seen)
		}
		calls(t.Context(), t, url, transport.Options{Base: network, InsecureHTTP: true})
		if seen < 5 {
			t.Errorf("%s, insecure: %d requests", url, seen)
		}
	}
}

// Sign-in goes without the token that is there, and follows no redirect.
func TestWhatSignInSends(t *testing.T) {
	sent := map[string]string{}
	network := wiretest.Base(func(req *http.Request) (*http.Response, error) {
		body := ""
		if req.Body != nil {
			text, err := io.ReadAll(req.Body)
			if err != nil {
				return nil, err
			}
			body = string(text)
		}
		sent[req.Method+" "+req.URL.String()] += fmt.Sprint(body, " ", req.Header.Get("Authorization"), "\n")
		return wiretest.Answer(req, http.StatusTemporaryRedirect, "", "Location: https://evil.example.com/"), nil
	})
	for name, err := range calls(t.Context(), t, wiretest.Somewhere+"/team", transport.Options{Base: network}) {
		if !errors.Is(err, transport.ErrNotEngram) {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := map[string]string{
		"POST https://engram.example.com/team/auth/register":  `{"email":"ana@example.com","password":"hunter2-password","username":"ana"} ` + "\n",
		"POST https://engram.example.com/team/auth/login":     `{"identifier":"ana","password":"hunter2-password"} ` + "\n",
		"POST https://engram.example.com/team/auth/refresh":   `{"refresh_token":"hunter2-refresh"} ` + "\n",
		"POST https://engram.example.com/team/auth/api-key":   " Bearer hunter2-access\n",
		"DELETE https://engram.example.com/team/auth/api-key": " Bearer hunter2-access\n",
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// Whatever a server answers, it is an error of one class, fit to print, that
// repeats none of the secrets, even if the server does.
func TestAnswersToSecrets(t *testing.T) {
	const echo = "no: hunter2-password hunter2-refresh hunter2-access"
	long := strings.Repeat("x", 280) + " hunter2-password hunter2-refresh"
	for name, tc := range map[string]struct {
		status int
		body   string
		header string
		want   error // nil where calls differ
	}{
		"refused":           {400, wiretest.Failure("password must be at least 8 characters"), "", transport.ErrRefused},
		"echo":              {400, wiretest.Failure(echo), "", nil},
		"echo, cut":         {400, wiretest.Failure(long), "", nil},
		"echo, as text":     {400, echo, "Content-Type: text/plain", nil},
		"not let in":        {401, wiretest.Failure("invalid credentials"), "", transport.ErrUnauthorized},
		"forbidden":         {403, wiretest.Failure("account disabled"), "", transport.ErrRefused},
		"taken":             {409, wiretest.Failure("username is already registered"), "", transport.ErrRefused},
		"no such route":     {404, "404 page not found\n", "Content-Type: text/plain", transport.ErrNoSignIn},
		"no such method":    {405, "Method Not Allowed\n", "Content-Type: text/plain", transport.ErrNoSignIn},
		"broken":            {500, wiretest.Failure("auth: register: hash"), "", transport.ErrUnavailable},
		"no database":       {503, wiretest.Failure("database unavailable"), "", transport.ErrUnavailable},
		"bad data":          {500, wiretest.Failure("ERROR: invalid byte sequence (SQLSTATE 22021)"), "", transport.ErrRefused},
		"a proxy":           {502, "<html><title>Bad Gateway</title>", "Content-Type: text/html", transport.ErrUnavailable},
		"empty":             {200, "", "", nil},
		"a page":            {200, "<html>hunter2-password", "Content-Type: text/html", nil},
		"null":              {201, "null", "", nil},
		"no tokens":         {200, `{"user_id":"u","username":"ana"}`, "", nil},
		"a number":          {201, `{"access_token":42,"api_key":42,"x":"hunter2-password"}`, "", nil},
		"a bad token":       {200, `{"user_id":"u","username":"ana","access_token":"hunter2\r\nX-Evil: 1"}`, "", nil},
		"a bad key":         {201, `{"api_key":"hunter2 key"}`, "", nil},
		"nobody's token":    {200, `{"access_token":"hunter2"}`, "", nil},
		"endless":           {200, `{"access_token":"` + strings.Repeat("hunter2", 1<<17) + `"}`, "", nil},
		"terminal controls": {400, wiretest.Failure(`\u001b[31m\r\nhunter2-password\u202e`), "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := wiretest.Base(func(req *http.Request) (*http.Response, error) {
					if req.URL.Path == "/sync/pull" { // which only a project server has, of those without a sign-in
						return wiretest.Answer(req, http.StatusUnauthorized, "unauthorized: missing bearer token\n", "Content-Type: text/plain"), nil
					}
					if tc.header == "" {
						return wiretest.Answer(req, tc.status, tc.body), nil
					}
					return wiretest.Answer(req, tc.status, tc.body, tc.header), nil
				})
				for call, err := range calls(t.Context(), t, wiretest.Somewhere, transport.Options{Base: network}) {
					if err == nil && fine(name, call) {
						continue
					}
					wiretest.OneLine(t, err)
					if tc.want != nil && !errors.Is(err, tc.want) {
						t.Errorf("%s: %v, want %v", call, err, tc.want)
					}
					if leaks(call, err) {
						t.Errorf("%s: the error repeats a secret: %v", call, err)
					}
				}
			})
		})
	}
}

// fine are the answers that are enough for a call.
func fine(name, call string) bool {
	switch name + " " + call {
	case "no tokens revoke", "a bad token revoke", "nobody's token revoke", "nobody's token exchange":
		return true
	}
	return false
}

// leaks says whether an error repeats what its call sent, or the token that
// came. The access token of create and revoke is not in the question.
func leaks(call string, err error) bool {
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	switch call {
	case "register", "login":
		return strings.Contains(text, "hunter2-pass")
	case "exchange":
		return strings.Contains(text, "hunter2-refr")
	}
	return strings.Contains(text, "hunter2 ")
}

// What is read from a password's answer has no way into a log.
func TestResultsDoNotPrintTheirTokens(t *testing.T) {
	result := transport.AuthResult{UserID: "u", Username: "ana", Tokens: transport.Tokens{Access: "hunter2", Refresh: "hunter2"}}
	for _, verb := range []string{"%v", "%+v", "%s", "%#v"} {
		if text := fmt.Sprintf(verb+verb, result, result.Tokens); strings.Contains(text, "hunter2") {
			t.Errorf("%s: %s", verb, text)
		}
	}
}

// Nobody at a prompt waits for retries, and an exchange has them.
func TestWhichQuestionsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]int{}
		network := wiretest.Base(func(req *http.Request) (*http.Response, error) {
			seen[req.Method+" "+req.URL.Path]++
			return wiretest.Answer(req, http.StatusServiceUnavailable, wiretest.Failure("database unavailable")), nil
		})
		calls(t.Context(), t, wiretest.Somewhere, transport.Options{Retries: 4, Base: network})
		want := map[string]int{
			"POST /auth/register": 1, "POST /auth/login": 1, "POST /auth/refresh": 5, "POST /auth/api-key": 1, "DELETE /auth/api-key": 5,
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}
