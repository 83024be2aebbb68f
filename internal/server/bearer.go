package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

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
