package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

var (
	// ErrNoSignIn: the server has no accounts to sign in to.
	ErrNoSignIn = errors.New("the server has no sign-in")
	// ErrLongPassword: the server cannot keep a password of this length.
	ErrLongPassword = fmt.Errorf("%w: the password is too long", httplayer.ErrRefused)
)

// SignIn registers, logs in and makes API keys: what only account servers have.
type SignIn struct {
	Client *httplayer.Client
	// Else says what answers at the URL, if it is no server of ours.
	Else func(context.Context) error
}

// AuthResult is what a server gives for a password. Source: account-server.md 1.2.
type AuthResult struct {
	UserID   string `json:"user_id"`
	Username string `json:"username"`
	httplayer.Tokens
}

// Register makes an account: POST /auth/register. invitation, which only serve knows, is "" without one.
func (s *SignIn) Register(ctx context.Context, username, email, password, invitation string) (AuthResult, error) {
	in := map[string]string{"username": username, "email": email, "password": password}
	if invitation != "" {
		in["invitation"] = invitation
	}
	return s.signIn(ctx, "register", "/auth/register", http.StatusCreated, password, in)
}

// Login exchanges a password for tokens: POST /auth/login. The identifier is a
// user name or an email address. A server that limits attempts gives a
// *httplayer.RetryLaterError at once.
func (s *SignIn) Login(ctx context.Context, identifier, password string) (AuthResult, error) {
	return s.signIn(ctx, "log in", "/auth/login", http.StatusOK, password,
		map[string]string{"identifier": identifier, "password": password})
}

// Exchange gets a new access token for a refresh token: POST /auth/refresh.
// Refresh is "" in the result unless the server rotates refresh tokens too.
func (s *SignIn) Exchange(ctx context.Context, refreshToken string) (httplayer.Tokens, error) {
	answer, err := s.askTokens(ctx, apiRequest{
		op: "refresh the token", method: http.MethodPost, path: "/auth/refresh", want: http.StatusOK,
		anonymous: true, idempotent: true, in: map[string]string{"refresh_token": refreshToken}, secret: refreshToken,
	})
	return answer.Tokens, err
}

// CreateAPIKey makes an API key, and ends the one that the account had before:
// POST /auth/api-key.
func (s *SignIn) CreateAPIKey(ctx context.Context) (string, error) {
	var answer struct {
		APIKey string `json:"api_key"`
	}
	const op = "create an API key"
	err := s.ask(ctx, apiRequest{op: op, method: http.MethodPost, path: "/auth/api-key", want: http.StatusCreated}, &answer)
	secret.Add(answer.APIKey)
	if err != nil {
		return "", err
	}
	if answer.APIKey == "" || !httplayer.FitsHeader(answer.APIKey) {
		return "", fmt.Errorf("%s: %w: the answer holds no key", op, httplayer.ErrNotEngram)
	}
	return answer.APIKey, nil
}

// ChangePassword sets another password, which ends all tokens and the API key of the account, and gives new
// tokens: POST /auth/password, which only serve has.
func (s *SignIn) ChangePassword(ctx context.Context, password, newPassword string) (AuthResult, error) {
	secret.Add(newPassword)
	return s.askTokens(ctx, apiRequest{
		op: "change the password", method: http.MethodPost, path: "/auth/password", want: http.StatusOK,
		in: map[string]string{"password": password, "new_password": newPassword}, secret: password,
	})
}

// SignOut ends all tokens and the API key of the account: DELETE /auth/sessions, which only serve has.
func (s *SignIn) SignOut(ctx context.Context) error {
	q := apiRequest{op: "sign out everywhere", method: http.MethodDelete, path: "/auth/sessions", want: http.StatusOK}
	return s.ask(ctx, q, &struct{}{})
}

// RevokeAPIKey ends the account's API key, if it has one: DELETE /auth/api-key.
func (s *SignIn) RevokeAPIKey(ctx context.Context) error {
	q := apiRequest{op: "revoke the API key", method: http.MethodDelete, path: "/auth/api-key", want: http.StatusOK, idempotent: true}
	return s.ask(ctx, q, &struct{}{})
}

func (s *SignIn) signIn(ctx context.Context, op, path string, want int, password string, in any) (AuthResult, error) {
	answer, err := s.askTokens(ctx, apiRequest{
		op: op, method: http.MethodPost, path: path, want: want, anonymous: true, in: in, secret: password,
	})
	if err == nil && (answer.UserID == "" || answer.Username == "") {
		return AuthResult{}, fmt.Errorf("%s: %w: the answer does not say whose token it is", op, httplayer.ErrNotEngram)
	}
	return answer, err
}

// askTokens asks for tokens, and refuses those that could not be used, before
// anything is done with them.
func (s *SignIn) askTokens(ctx context.Context, q apiRequest) (answer AuthResult, err error) {
	err = s.ask(ctx, q, &answer)
	secret.Add(answer.Access, answer.Refresh)
	switch {
	case err != nil:
	case answer.Access == "":
		err = fmt.Errorf("%s: %w: the answer holds no token", q.op, httplayer.ErrNotEngram)
	case !httplayer.FitsHeader(answer.Access):
		err = fmt.Errorf("%s: %w: the answer holds a token with a character that no token has", q.op, httplayer.ErrNotEngram)
	}
	if err != nil {
		return AuthResult{}, err
	}
	return answer, nil
}

// apiRequest is a small request with a JSON answer. What it holds is secret, or what
// comes for it.
type apiRequest struct {
	op, method, path string
	want             int    // status of the answer
	anonymous        bool   // no token goes along
	idempotent       bool   // it does no harm twice
	in               any    // what to send; nil for nothing
	secret           string // in what is sent
}

// ask sends a request and decodes its answer.
func (s *SignIn) ask(ctx context.Context, q apiRequest, out any) error {
	call := &httplayer.Call{
		Op: q.op, Confidential: true, Anonymous: q.anonymous, Idempotent: q.idempotent, Soon: q.idempotent, NoWait: q.anonymous && !q.idempotent,
	}
	m := httplayer.Message{Method: q.method, Path: q.path}
	secret.Add(q.secret)
	if q.in != nil {
		body, err := json.Marshal(q.in)
		if err != nil {
			return fmt.Errorf("%s: %w", q.op, err)
		}
		m.NewBody = func() (httplayer.Body, error) { return httplayer.TextBody(body), nil }
	}
	resp, _, err := s.Client.Post(ctx, call, m)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // its content has been judged
	if resp.StatusCode != q.want {
		return s.refusal(ctx, call, q, resp)
	}
	text, err := httplayer.ReadText(resp)
	if err != nil {
		return call.NoAnswer(ctx, err)
	}
	if err := json.Unmarshal(text, out); err != nil && httplayer.IsCut(text) {
		return call.CutError()
	} else if err != nil {
		// The decoder's own text could quote a token.
		return fmt.Errorf("%s: %w: the answer is not the JSON that it should be", q.op, httplayer.ErrNotEngram)
	}
	return nil
}

// refusal makes the error for an answer that says no. It recognises a server
// without accounts: project servers have no such routes (project-server.md 1). Nor has
// what lies at a URL whose path is missing.
func (s *SignIn) refusal(ctx context.Context, call *httplayer.Call, q apiRequest, resp *http.Response) error {
	pause, asked := httplayer.RetryAfter(resp)
	status := call.Refused(resp)
	switch {
	case status.Status == http.StatusTooManyRequests && asked:
		return &httplayer.RetryLaterError{Op: q.op, Status: status.Status, Wait: pause, At: time.Now().Add(pause)}
	case status.Status == http.StatusNotFound || status.Status == http.StatusMethodNotAllowed:
		if err := s.Else(ctx); errors.Is(err, httplayer.ErrNotEngram) {
			return err
		}
		return fmt.Errorf("%w: %s (%w)", ErrNoSignIn, s.Client.URL(), status)
	case strings.Contains(status.Message, "password length exceeds"): // a 500, today and tomorrow: account-server.md 2.1
		status.Class = ErrLongPassword
	}
	return status
}
