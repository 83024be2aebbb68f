// Package signin finds out whose a password, a token or an API key is. The HTTP floor of
// internal/server asks it; it knows the contract of the store, and no HTTP.
package signin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Kind is the type claim of a token: one kind is never taken for the other.
type Kind string

// The kinds of tokens.
const (
	AccessToken  Kind = "access"
	RefreshToken Kind = "refresh"
	SessionToken Kind = "session" // of a browser, in a cookie
)

// How long tokens live (account-server.md 2.2; the last one is ours).
const (
	AccessLifetime  = 3600 * time.Second
	RefreshLifetime = 604800 * time.Second
	SessionLifetime = 12 * time.Hour
)

var lifetimes = map[Kind]time.Duration{AccessToken: AccessLifetime, RefreshToken: RefreshLifetime, SessionToken: SessionLifetime}

// tokens issues and checks JWTs under the server's key.
type tokens struct {
	key []byte
	now func() time.Time
}

// claims are those of the reference server, so that clients that look inside
// find what they know, and one of ours: Tag is the user's token_tag, which
// changes with the password. The time of issue would not do to tell tokens from
// before: it has whole seconds, and clocks are set back.
type claims struct {
	UserID   string `json:"user_id"`
	Username string `json:"username"`
	Type     Kind   `json:"type"`
	Tag      string `json:"tag,omitempty"`

	// Which sign-in the token comes from, and of when. It is for the list of an operator, and lets nobody in.
	Session string           `json:"sid,omitempty"`
	Began   *jwt.NumericDate `json:"auth_time,omitempty"`
	jwt.RegisteredClaims
}

func (t *tokens) issue(u store.User, kind Kind, in store.Session) (string, error) {
	now := t.now()
	c := claims{
		UserID:   u.ID,
		Username: u.Name,
		Type:     kind,
		Tag:      u.TokenTag,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   u.ID,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(lifetimes[kind])),
		},
	}
	if in.ID != "" {
		c.Session, c.Began = in.ID, jwt.NewNumericDate(in.Began)
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(t.key)
}

// begin makes a session of a client, or of a browser, where kind is SessionToken.
func begin(kind Kind, id string, at time.Time) store.Session {
	s := store.Session{ID: id, Kind: "client", Began: at, Until: at.Add(RefreshLifetime)}
	if kind == SessionToken {
		s.Kind, s.Until = "browser", at.Add(SessionLifetime)
	}
	return s
}

// session gives that of a token, if it tells one.
func (c claims) session() (s store.Session) {
	if c.Session != "" && c.Began != nil {
		s = begin(c.Type, c.Session, c.Began.UTC())
	}
	return s
}

// verify gives the claims of a token of the given kind that is good now, else
// an error that wraps ErrRefused. It is good while now < exp, without leeway.
func (t *tokens) verify(text string, kind Kind) (claims, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256", "HS384", "HS512"}),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(t.now),
	)
	var c claims
	if _, err := parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return t.key, nil }); err != nil {
		return claims{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if c.Type != kind || c.UserID == "" {
		return claims{}, ErrRefused
	}
	return c, nil
}

// keyBytes is the size of a signing key: that of the hash which it keys.
const keyBytes = 32

// KeyFile reads the key that tokens are signed with, and makes it first
// where there is none. The caller holds the lock on the directory: a key that
// replaced another one would void the tokens issued under that.
func KeyFile(path string) ([]byte, error) {
	key, err := sharing.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = NewKey()
		err = atomicfile.Write(path, key, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("get the signing key: %w", err)
	}
	if len(key) != keyBytes {
		return nil, fmt.Errorf("the signing key %s is damaged (%d bytes, not %d): restore it, or remove it to sign everybody out",
			path, len(key), keyBytes)
	}
	return key, nil
}

// NewKey makes a key to sign tokens with.
func NewKey() []byte {
	key := make([]byte, keyBytes)
	rand.Read(key) // never fails
	return key
}
