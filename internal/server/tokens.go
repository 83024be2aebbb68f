package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// tokenKind is the type claim: one kind is never taken for the other.
type tokenKind string

const (
	accessToken  tokenKind = "access"
	refreshToken tokenKind = "refresh"
)

// How long tokens live (account-server.md 2.2).
const (
	accessLifetime  = 3600 * time.Second
	refreshLifetime = 604800 * time.Second
)

var errBadToken = errors.New("invalid or expired token")

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
	UserID   string    `json:"user_id"`
	Username string    `json:"username"`
	Type     tokenKind `json:"type"`
	Tag      string    `json:"tag,omitempty"`
	jwt.RegisteredClaims
}

func (t *tokens) issue(u user, kind tokenKind) (string, error) {
	lifetime := accessLifetime
	if kind == refreshToken {
		lifetime = refreshLifetime
	}
	now := t.now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		UserID:   u.id,
		Username: u.name,
		Type:     kind,
		Tag:      u.tag,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   u.id,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
		},
	})
	return token.SignedString(t.key)
}

// verify gives the claims of a token of the given kind that is good now, else
// an error that wraps errBadToken. It is good while now < exp, without leeway.
func (t *tokens) verify(text string, kind tokenKind) (claims, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256", "HS384", "HS512"}),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(t.now),
	)
	var c claims
	if _, err := parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return t.key, nil }); err != nil {
		return claims{}, fmt.Errorf("%w: %w", errBadToken, err)
	}
	if c.Type != kind || c.UserID == "" {
		return claims{}, errBadToken
	}
	return c, nil
}
