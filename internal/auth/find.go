package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// The variables that a token can come from. engram's own count only for the
// server that engram's own variables name.
const (
	TokenVariable        = "ENGRAM_SYNC_TOKEN"
	EngramCloudVariable  = "ENGRAM_CLOUD_TOKEN"
	EngramLegacyVariable = "ENGRAM_TOKEN"
)

// FromCommand is where the token of a token_command comes from.
const FromCommand = "token_command"

// Finder looks for the credentials of one remote, in this order: environment,
// token command, the login that is current for its server. The first that is
// there counts, and is never mixed with another: a token from the environment
// is not refreshed with a login's refresh token.
type Finder struct {
	Environ []string // as os.Environ gives it
	// EngramRemote: the remote's URL came from engram's own variables, so
	// their token is meant for it.
	EngramRemote bool
	Command      []string // token_command; nil if there is none
	BaseURL      string   // normalised
	Logins       Logins
}

// Find gives the source that counts. Having none is not an error: there are
// servers that need no token. A keyring that is needed and does not open is one.
func (f Finder) Find(ctx context.Context) (Source, error) {
	if source := f.fromEnv(); source.from != "" {
		return source, nil
	}
	if len(f.Command) > 0 {
		token, err := runCommand(ctx, f.Command, f.Environ)
		if err != nil {
			return Source{}, err
		}
		return Fixed(token, FromCommand), nil
	}
	login, err := f.Logins.Current(ctx, f.BaseURL)
	if errors.Is(err, ErrNotFound) {
		return Source{}, nil
	}
	if err != nil {
		return Source{}, fmt.Errorf("read the token for %s: %w", f.BaseURL, err)
	}
	return Source{token: login.tokens.Access, from: "the " + login.store.Name(), login: login}, nil
}

// Stronger names the source that counts before any login; "" if there is none.
func (f Finder) Stronger() string {
	if source := f.fromEnv(); source.from != "" {
		return source.from
	}
	if len(f.Command) > 0 {
		return "a " + FromCommand
	}
	return ""
}

// fromEnv finds a token in the environment. Blanks around it, which a file or a
// copy often leaves there, don't count.
func (f Finder) fromEnv() Source {
	names := []string{TokenVariable}
	if f.EngramRemote {
		names = append(names, EngramCloudVariable, EngramLegacyVariable)
	}
	for _, name := range names {
		for _, pair := range f.Environ {
			if value, ok := strings.CutPrefix(pair, name+"="); ok && strings.TrimSpace(value) != "" {
				return Fixed(strings.TrimSpace(value), name)
			}
		}
	}
	return Source{}
}

// Source gives the token for one remote. It is safe for concurrent use.
type Source struct {
	token string
	from  string
	login *Login
}

// Fixed is a source of a token that is used as it is, and never stored.
func Fixed(token, from string) Source { return Source{token: token, from: from} }

// Token gives the token, or "" if there is none.
func (s Source) Token(context.Context) (string, error) { return s.token, nil }

// From says where the token came from; "" if there is none.
func (s Source) From() string { return s.from }

// Login is the login that the token belongs to; nil for other sources.
func (s Source) Login() *Login { return s.login }

// String keeps the token out of every log and error.
func (s Source) String() string { return "token from " + s.from }

// GoString is String for %#v.
func (s Source) GoString() string { return s.String() }

// OwnerOf is who a token says that it belongs to. API keys say nothing.
func OwnerOf(token string) (name, userID string) {
	claims := struct {
		Username string `json:"username"`
		UserID   string `json:"user_id"`
		jwt.RegisteredClaims
	}{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil || claims.Username == "" {
		return "token", ""
	}
	return claims.Username, claims.UserID
}
