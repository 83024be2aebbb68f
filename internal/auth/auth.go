// Package auth finds the credentials for a remote. For now that is the
// environment: a token that is given there is used as it is, and never stored.
package auth

import (
	"context"
	"strings"
)

// The variables that a token can come from. engram's own count only for the
// server that engram's own variables name.
const (
	TokenVariable        = "ENGRAM_SYNC_TOKEN"
	EngramCloudVariable  = "ENGRAM_CLOUD_TOKEN"
	EngramLegacyVariable = "ENGRAM_TOKEN"
)

// Source gives the token for one remote. It is safe for concurrent use.
type Source struct {
	token string
	from  string
}

// FromEnv finds the token in the environment, which lookup reads. engramRemote
// says that the remote's URL came from engram's own variables too, so that
// their token is meant for it. Blanks around a token, which a file or a copy
// often leaves there, don't count.
func FromEnv(lookup func(string) string, engramRemote bool) Source {
	names := []string{TokenVariable}
	if engramRemote {
		names = append(names, EngramCloudVariable, EngramLegacyVariable)
	}
	for _, name := range names {
		if token := strings.TrimSpace(lookup(name)); token != "" {
			return Source{token: token, from: name}
		}
	}
	return Source{}
}

// Fixed is a source of a token that was made in this process, such as that of
// an embedded server.
func Fixed(token, from string) Source { return Source{token: token, from: from} }

// Token gives the token, or "" if there is none.
func (s Source) Token(context.Context) (string, error) { return s.token, nil }

// From says where the token came from; "" if there is none.
func (s Source) From() string { return s.from }

// String keeps the token out of every log and error.
func (s Source) String() string { return "token from " + s.from }
