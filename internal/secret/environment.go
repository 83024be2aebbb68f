package secret

import (
	"slices"
	"strings"
)

// The variables that a token can come from. engram's own count only for the
// server that engram's own variables name.
const (
	TokenVariable        = "ENGRAM_SYNC_TOKEN"
	EngramCloudVariable  = "ENGRAM_CLOUD_TOKEN"
	EngramLegacyVariable = "ENGRAM_TOKEN"
	// HeartbeatVariable holds a URL that is a secret.
	HeartbeatVariable = "ENGRAM_SYNC_HEARTBEAT_URL"
	// TokenFileVariable names a file that holds the token: no secret itself.
	TokenFileVariable = "ENGRAM_SYNC_TOKEN_FILE"
)

// AddEnvironment adds the tokens of an environment, whether they are used or not, and
// the passwords of its URLs, those of proxies first of all, which may be written without
// a scheme.
func AddEnvironment(environ []string) {
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case strings.EqualFold(name, HeartbeatVariable):
			AddURLPath(value)
		case isToken(name):
			Add(value)
		}
		if strings.HasSuffix(strings.ToUpper(name), "_PROXY") && !strings.Contains(value, "://") {
			value = "http://" + value
		}
		AddURL(value)
	}
}

// WithoutTokens is an environment for programs that we start, without the tokens and the heartbeat's URL that
// are in ours. It is never nil, which os/exec would take for all of our own.
func WithoutTokens(environ []string) []string {
	kept := make([]string, 0, len(environ))
	for _, pair := range environ {
		if name, _, _ := strings.Cut(pair, "="); !isToken(name) && !strings.EqualFold(name, HeartbeatVariable) {
			kept = append(kept, pair)
		}
	}
	return kept
}

// isToken says whether a variable holds a token; on Windows their case does not matter.
func isToken(name string) bool {
	return slices.ContainsFunc([]string{TokenVariable, EngramCloudVariable, EngramLegacyVariable}, func(s string) bool {
		return strings.EqualFold(s, name)
	})
}
