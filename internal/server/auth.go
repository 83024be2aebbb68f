package server

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

type authReply struct {
	UserID       string `json:"user_id"`
	Username     string `json:"username"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
}

// authHandlers serve /auth.
type authHandlers struct {
	accounts *accounts
	bearer   *authenticator
}

// register serves POST /auth/register.
func (h *authHandlers) register(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Username string `json:"username"`
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := readAuth(w, r, &req); err != nil {
		return err
	}
	u, err := h.accounts.signUp(r.Context(), req.Username, req.Email, req.Password)
	if err != nil {
		return err
	}
	return h.welcome(w, r, http.StatusCreated, u)
}

// noRegister serves POST /auth/register where accounts are made by AddUser only.
func noRegister(http.ResponseWriter, *http.Request) error {
	return refuse(http.StatusForbidden, "registration is disabled")
}

// login serves POST /auth/login. What is wrong, name or password, nobody can
// tell from the answer nor from its time.
func (h *authHandlers) login(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Identifier string `json:"identifier"`
		Username   string `json:"username"`
		Password   string `json:"password"`
	}
	if err := readAuth(w, r, &req); err != nil {
		return err
	}
	identifier := cmp.Or(strings.TrimSpace(req.Identifier), strings.TrimSpace(req.Username))
	if identifier == "" || req.Password == "" {
		return refuse(http.StatusBadRequest, "identifier and password are required")
	}
	err := cmp.Or(checkText("identifier", identifier, maxNameBytes), checkText("password", req.Password, maxPasswordBytes))
	if err != nil {
		return err
	}
	u, err := h.accounts.store.UserByLogin(r.Context(), identifier)
	if err != nil && !errors.Is(err, store.ErrNoUser) {
		return err
	}
	fits, err := h.accounts.passwords.fits(r.Context(), req.Password, u.PasswordHash)
	if err != nil {
		return err
	}
	if !fits || u.Disabled {
		return refuse(http.StatusUnauthorized, "invalid credentials")
	}
	return h.welcome(w, r, http.StatusOK, u)
}

// welcome answers with a pair of new tokens.
func (h *authHandlers) welcome(w http.ResponseWriter, r *http.Request, status int, u store.User) error {
	seenIn(r).account = u.Name
	access, err := h.bearer.tokens.issue(u, accessToken)
	if err != nil {
		return err
	}
	refresh, err := h.bearer.tokens.issue(u, refreshToken)
	if err != nil {
		return err
	}
	return writeJSON(w, status, authReply{u.ID, u.Name, access, refresh, int(accessLifetime.Seconds())})
}

// refresh serves POST /auth/refresh. As on the reference server the refresh
// token stays the same and is not prolonged.
func (h *authHandlers) refresh(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := readAuth(w, r, &req); err != nil {
		return err
	}
	if req.RefreshToken == "" {
		return refuse(http.StatusBadRequest, "refresh_token is required")
	}
	u, err := h.bearer.byToken(r, req.RefreshToken, refreshToken, "invalid or expired refresh token")
	if err != nil {
		return err
	}
	access, err := h.bearer.tokens.issue(u, accessToken)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, reply{"access_token": access, "expires_in": int(accessLifetime.Seconds())})
}

// mintKey serves POST /auth/api-key. The key before stops working.
func (h *authHandlers) mintKey(w http.ResponseWriter, r *http.Request, u store.User) error {
	key := newAPIKey()
	err := h.accounts.store.SetKey(r.Context(), u, keyHash(key))
	if errors.Is(err, store.ErrNoUser) {
		return refuse(http.StatusUnauthorized, "invalid credentials")
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, reply{"api_key": key, "message": "Store this key securely. It will not be shown again."})
}

// revokeKey serves DELETE /auth/api-key.
func (h *authHandlers) revokeKey(w http.ResponseWriter, r *http.Request, u store.User) error {
	if err := h.accounts.store.RemoveKey(r.Context(), u.ID); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, reply{"status": "revoked"})
}

// readAuth decodes the first JSON value of a small body into v. As on the
// reference server, what follows is ignored.
func readAuth(w http.ResponseWriter, r *http.Request, v any) error {
	limited, err := limitBody(w, r, maxAuthBytes)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(limited)
	if err != nil {
		return bodyRefusal(err)
	}
	// The decoder would replace the bad bytes, and two passwords be the same.
	if !utf8.Valid(body) {
		return refuse(http.StatusBadRequest, "invalid json: not valid UTF-8")
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(v); err != nil {
		return refuse(http.StatusBadRequest, "invalid json: %v", err)
	}
	return nil
}

// keyPrefix tells API keys from JWTs. Case matters.
const keyPrefix = "eng_"

// apiKeyBytes is how many random bytes an API key has, written in hex.
const apiKeyBytes = 32

// authenticator finds out who sent a request.
type authenticator struct {
	store  store.Users
	tokens *tokens
}

// signedIn lets only requests with a good token or API key through. It decides
// before the body is read.
func (a *authenticator) signedIn(next func(http.ResponseWriter, *http.Request, store.User) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		u, err := a.authenticate(r)
		if err != nil {
			return err
		}
		seenIn(r).account = u.Name
		return next(w, r, u)
	}
}

func (a *authenticator) authenticate(r *http.Request) (store.User, error) {
	token, ok := bearerToken(r)
	if !ok {
		return store.User{}, refuse(http.StatusUnauthorized, "missing authorization header")
	}
	if strings.HasPrefix(token, keyPrefix) {
		u, err := a.store.UserByKey(r.Context(), keyHash(token))
		return active(u, err, "invalid credentials")
	}
	return a.byToken(r, token, accessToken, "invalid or expired token")
}

// byToken finds the user of a JWT, or refuses with the given text. Users who
// are unknown or disabled are refused too, other than at the reference server,
// and so are tokens from before the password was changed.
func (a *authenticator) byToken(r *http.Request, token string, kind tokenKind, text string) (store.User, error) {
	c, err := a.tokens.verify(token, kind)
	if err != nil {
		return store.User{}, refuse(http.StatusUnauthorized, "%s", text)
	}
	u, err := a.store.UserByID(r.Context(), c.UserID)
	if err == nil && c.Tag != u.TokenTag {
		return store.User{}, refuse(http.StatusUnauthorized, "%s", text)
	}
	return active(u, err, text)
}

// active passes on what a look-up of a user gave, but refuses a user who is
// missing or disabled.
func active(u store.User, err error, text string) (store.User, error) {
	if errors.Is(err, store.ErrNoUser) || err == nil && u.Disabled {
		return store.User{}, refuse(http.StatusUnauthorized, "%s", text)
	}
	return u, err
}

// bearerToken reads the first Authorization header. The scheme's letter case
// and further blanks behind it do not matter.
func bearerToken(r *http.Request) (string, bool) {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.Trim(token, " ")
	return token, found && token != "" && strings.EqualFold(scheme, "Bearer")
}

func newAPIKey() string {
	secret := make([]byte, apiKeyBytes)
	rand.Read(secret) // never fails
	return keyPrefix + hex.EncodeToString(secret)
}

// keyHash is all that is kept of an API key. It needs no salt and no cost,
// since keys are random.
func keyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
