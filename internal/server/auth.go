package server

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/server/signin"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// maxClientBytes is how much is kept of what a client says that it is.
const maxClientBytes = 200

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
	bearers  *signin.Bearers
	client   func(*http.Request) string // who sends it, for turns
	address  func(*http.Request) string
	seen     *signin.Sightings

	invitedOnly bool
}

// register serves POST /auth/register. The invitation is ours; clients of the reference server send none.
func (h *authHandlers) register(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Username string `json:"username"`
		Email    string `json:"email"`
		Password string `json:"password"`

		Invitation string `json:"invitation"`
	}
	if err := readAuth(w, r, &req); err != nil {
		return err
	}
	if h.invitedOnly && req.Invitation == "" {
		return refuse(http.StatusForbidden, "registration is disabled")
	}
	u, err := h.accounts.signUp(r.Context(), h.client(r), signUp{req.Username, req.Email, req.Password, req.Invitation})
	if errors.Is(err, store.ErrNoInvitation) {
		return refuse(http.StatusForbidden, "%v", err)
	}
	if err != nil {
		return err
	}
	return h.welcome(w, r, http.StatusCreated, u)
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
	u, err := h.named(r, cmp.Or(strings.TrimSpace(req.Identifier), strings.TrimSpace(req.Username)), req.Password)
	if err != nil {
		return err
	}
	return h.welcome(w, r, http.StatusOK, u)
}

// named gives the user of a name or an email, and a password.
func (h *authHandlers) named(r *http.Request, identifier, password string) (store.User, error) {
	if identifier == "" || password == "" {
		return store.User{}, refuse(http.StatusBadRequest, "identifier and password are required")
	}
	if err := cmp.Or(checkText("identifier", identifier, maxNameBytes), checkText("password", password, maxPasswordBytes)); err != nil {
		return store.User{}, err
	}
	u, err := h.accounts.store.UserByLogin(r.Context(), identifier)
	if err != nil && !errors.Is(err, store.ErrNoUser) {
		return store.User{}, err
	}
	fits, err := h.accounts.passwords.Fits(r.Context(), h.client(r), password, u.PasswordHash)
	if err != nil {
		return store.User{}, err
	}
	if !fits || u.Disabled {
		return store.User{}, refuse(http.StatusUnauthorized, "invalid credentials")
	}
	return u, nil
}

// greet takes note of who has come.
func (h *authHandlers) greet(r *http.Request, u store.User, in store.Session) {
	seenIn(r).account = u.Name
	in.Client = strings.ToValidUTF8(r.UserAgent()[:min(len(r.UserAgent()), maxClientBytes)], "")
	h.seen.Note(r.Context(), u, h.address(r), in)
}

// welcome answers with a pair of new tokens.
func (h *authHandlers) welcome(w http.ResponseWriter, r *http.Request, status int, u store.User) error {
	in := h.bearers.Begin(signin.RefreshToken)
	h.greet(r, u, in)
	access, err := h.bearers.Issue(u, signin.AccessToken, in)
	if err != nil {
		return err
	}
	refresh, err := h.bearers.Issue(u, signin.RefreshToken, in)
	if err != nil {
		return err
	}
	return writeJSON(w, status, authReply{u.ID, u.Name, access, refresh, int(signin.AccessLifetime.Seconds())})
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
	u, in, err := h.bearers.Holder(r.Context(), req.RefreshToken, signin.RefreshToken)
	if errors.Is(err, signin.ErrRefused) {
		return refuse(http.StatusUnauthorized, "invalid or expired refresh token")
	}
	if err != nil {
		return err
	}
	h.greet(r, u, in)
	access, err := h.bearers.Issue(u, signin.AccessToken, in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, reply{"access_token": access, "expires_in": int(signin.AccessLifetime.Seconds())})
}

// changePassword serves POST /auth/password, which is ours: a new password for who knows the one before. All
// tokens and the API key end with it, and the answer has new tokens.
func (h *authHandlers) changePassword(w http.ResponseWriter, r *http.Request, u store.User) error {
	var req struct {
		Password    string `json:"password"`
		NewPassword string `json:"new_password"`
	}
	if err := readAuth(w, r, &req); err != nil {
		return err
	}
	if err := cmp.Or(checkText("password", req.Password, maxPasswordBytes), checkPassword(req.NewPassword)); err != nil {
		return err
	}
	fits, err := h.accounts.passwords.Fits(r.Context(), h.client(r), req.Password, u.PasswordHash)
	if err != nil {
		return err
	}
	if !fits {
		return refuse(http.StatusForbidden, "the password is another one")
	}
	hash, err := h.accounts.passwords.Hash(r.Context(), h.client(r), req.NewPassword)
	if err == nil {
		err = h.accounts.store.SetPassword(r.Context(), u.Name, hash)
	}
	if err == nil {
		u, err = h.accounts.store.UserByID(r.Context(), u.ID)
	}
	if err != nil {
		return err
	}
	return h.welcome(w, r, http.StatusOK, u)
}

// signOut serves DELETE /auth/sessions, which is ours: no token and no key of the account counts any more.
func (h *authHandlers) signOut(w http.ResponseWriter, r *http.Request, u store.User) error {
	if err := h.accounts.store.SignOut(r.Context(), u.Name); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, reply{"status": "signed out"})
}

// mintKey serves POST /auth/api-key. The key before stops working.
func (h *authHandlers) mintKey(w http.ResponseWriter, r *http.Request, u store.User) error {
	key := signin.NewAPIKey()
	err := h.accounts.store.SetKey(r.Context(), u, signin.KeyHash(key))
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
		return err
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

// signedIn lets only requests with a good token or API key through. It decides
// before the body is read.
func (h *authHandlers) signedIn(next accountHandler) handler { return h.known(h.who, next) }

// known is signedIn for those whom who knows.
func (h *authHandlers) known(who func(*http.Request) (store.User, store.Session, error), next accountHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		u, in, err := who(r)
		if err != nil {
			return err
		}
		h.greet(r, u, in)
		return next(w, r, u)
	}
}

// who finds out who sent a request.
func (h *authHandlers) who(r *http.Request) (store.User, store.Session, error) {
	token, ok := bearerToken(r)
	if !ok {
		return store.User{}, store.Session{}, refuse(http.StatusUnauthorized, "missing authorization header")
	}
	u, in, err := h.bearers.Who(r.Context(), token)
	if errors.Is(err, signin.ErrRefused) {
		text := "invalid or expired token"
		if signin.IsKey(token) {
			text = "invalid credentials"
		}
		return store.User{}, store.Session{}, refuse(http.StatusUnauthorized, "%s", text)
	}
	return u, in, err
}

// bearerToken reads the first Authorization header. The scheme's letter case
// and further blanks behind it do not matter.
func bearerToken(r *http.Request) (string, bool) {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.Trim(token, " ")
	return token, found && token != "" && strings.EqualFold(scheme, "Bearer")
}
