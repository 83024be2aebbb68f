package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ErrNoSignIn: the server has no accounts to sign in to.
var ErrNoSignIn = errors.New("the server has no sign-in")

// AuthResult is what a server gives for a password. Source: account-server.md 1.2.
type AuthResult struct {
	UserID   string
	Username string
	Tokens
}

// Tokens are an access token, and the refresh token that renews it, if there is one.
type Tokens struct{ Access, Refresh string }

// String keeps the secrets out of logs and errors.
func (Tokens) String() string { return "tokens" }

// GoString is String for %#v.
func (t Tokens) GoString() string { return t.String() }

// authAnswer is the JSON of every sign-in answer.
type authAnswer struct {
	UserID       string `json:"user_id"`
	Username     string `json:"username"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

// check refuses tokens that could not be used, before anything is done with them.
func (a *authAnswer) check(op string) error {
	switch {
	case a.AccessToken == "":
		return fmt.Errorf("%s: %w: the answer holds no token", op, ErrNotEngram)
	case !fitsHeader(a.AccessToken):
		return fmt.Errorf("%s: %w: the answer holds a token with a character that no token has", op, ErrNotEngram)
	}
	return nil
}

// Register makes an account: POST /auth/register.
func (t *RemoteTransport) Register(ctx context.Context, username, email, password string) (AuthResult, error) {
	return t.signIn(ctx, "register", "/auth/register", http.StatusCreated, password,
		map[string]string{"username": username, "email": email, "password": password})
}

// Login exchanges a password for tokens: POST /auth/login. The identifier is a
// user name or an email address. A server that limits attempts gives a
// *RetryLaterError at once.
func (t *RemoteTransport) Login(ctx context.Context, identifier, password string) (AuthResult, error) {
	return t.signIn(ctx, "log in", "/auth/login", http.StatusOK, password,
		map[string]string{"identifier": identifier, "password": password})
}

// Exchange gets a new access token for a refresh token: POST /auth/refresh.
// Refresh is "" in the result unless the server rotates refresh tokens too.
func (t *RemoteTransport) Exchange(ctx context.Context, refreshToken string) (Tokens, error) {
	var answer authAnswer
	err := t.ask(ctx, question{
		op: "refresh the token", method: http.MethodPost, path: "/auth/refresh", want: http.StatusOK,
		anonymous: true, repeat: true, in: map[string]string{"refresh_token": refreshToken}, secret: refreshToken,
	}, &answer)
	if err == nil {
		err = answer.check("refresh the token")
	}
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{Access: answer.AccessToken, Refresh: answer.RefreshToken}, nil
}

// CreateAPIKey makes an API key, and ends the one that the account had before:
// POST /auth/api-key.
func (t *RemoteTransport) CreateAPIKey(ctx context.Context) (string, error) {
	var answer struct {
		APIKey string `json:"api_key"`
	}
	const op = "create an API key"
	err := t.ask(ctx, question{op: op, method: http.MethodPost, path: "/auth/api-key", want: http.StatusCreated}, &answer)
	if err != nil {
		return "", err
	}
	if answer.APIKey == "" || !fitsHeader(answer.APIKey) {
		return "", fmt.Errorf("%s: %w: the answer holds no key", op, ErrNotEngram)
	}
	return answer.APIKey, nil
}

// RevokeAPIKey ends the account's API key, if it has one: DELETE /auth/api-key.
func (t *RemoteTransport) RevokeAPIKey(ctx context.Context) error {
	var answer struct{}
	return t.ask(ctx, question{
		op: "revoke the API key", method: http.MethodDelete, path: "/auth/api-key", want: http.StatusOK, repeat: true,
	}, &answer)
}

func (t *RemoteTransport) signIn(ctx context.Context, op, path string, want int, password string, in any) (AuthResult, error) {
	var answer authAnswer
	err := t.ask(ctx, question{
		op: op, method: http.MethodPost, path: path, want: want, anonymous: true, in: in, secret: password,
	}, &answer)
	if err == nil {
		err = answer.check(op)
	}
	if err == nil && (answer.UserID == "" || answer.Username == "") {
		err = fmt.Errorf("%s: %w: the answer does not say whose token it is", op, ErrNotEngram)
	}
	if err != nil {
		return AuthResult{}, err
	}
	return AuthResult{
		UserID: answer.UserID, Username: answer.Username,
		Tokens: Tokens{Access: answer.AccessToken, Refresh: answer.RefreshToken},
	}, nil
}

// question is a small request with a JSON answer.
type question struct {
	op, method, path string
	want             int    // status of the answer
	anonymous        bool   // no token goes along
	repeat           bool   // it does no harm twice
	in               any    // what to send; nil for nothing
	secret           string // in what is sent, for errors not to repeat
}

// ask sends a question and decodes its answer. The questions hold passwords and
// tokens, so they go nowhere that a token would not go.
func (t *RemoteTransport) ask(ctx context.Context, q question, out any) error {
	if !t.Private() && !t.opts.InsecureHTTP {
		return fmt.Errorf("%s: %w to %s", q.op, ErrCleartext, t.base.Host)
	}
	ctx = withCall(ctx, &call{anonymous: q.anonymous, repeatable: q.repeat, hurried: q.anonymous && !q.repeat})
	req, err := t.newRequest(ctx, q.method, q.path)
	if err != nil {
		return fmt.Errorf("%s: %w", q.op, err)
	}
	if q.in != nil {
		if err := setBody(req, q.in); err != nil {
			return fmt.Errorf("%s: %w", q.op, err)
		}
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return requestError(ctx, q.op, err)
	}
	if resp.StatusCode != q.want {
		return t.refusedBy(ctx, q, resp)
	}
	defer func() { _ = resp.Body.Close() }() // its content has been read
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		return requestError(ctx, q.op, err)
	}
	if json.Unmarshal(text, out) != nil {
		// The decoder's own text could quote a token.
		return fmt.Errorf("%s: %w: the answer is not the JSON that it should be", q.op, ErrNotEngram)
	}
	return nil
}

func setBody(req *http.Request, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody() // it never fails
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	return nil
}

// refusedBy makes the error for an answer that says no. It recognises a server
// without accounts: project servers have no such routes (project-server.md 1).
func (t *RemoteTransport) refusedBy(ctx context.Context, q question, resp *http.Response) error {
	pause, asked := retryAfter(resp)
	err := statusError(ctx, q.op, resp)
	var status *StatusError
	if !errors.As(err, &status) {
		return err
	}
	if repeats(status.Message, q.secret) {
		status.Message = secretWords
	}
	switch {
	case status.Status == http.StatusTooManyRequests && asked:
		return &RetryLaterError{Op: q.op, Status: status.Status, Wait: pause, At: time.Now().Add(pause)}
	case status.Status == http.StatusNotFound || status.Status == http.StatusMethodNotAllowed:
		return fmt.Errorf("%w: %s (%w)", ErrNoSignIn, t.base, err)
	}
	return err
}

// secretWords stands in for a server's words that hold what we sent it in secret.
const secretWords = "(its words repeat what was secret)"

// sentToken is the token that went along with the request of an answer.
func sentToken(resp *http.Response) string {
	if resp.Request == nil {
		return ""
	}
	return strings.TrimPrefix(resp.Request.Header.Get("Authorization"), "Bearer ")
}

// repeats says whether a text holds a secret, or, since texts are cut, the
// beginning of a long one.
func repeats(text, secret string) bool {
	const telling = 24 // bytes; what all JWTs begin with is as long
	return secret != "" && strings.Contains(text, secret[:min(len(secret), telling)])
}
