package transport

import (
	"context"
	"time"

	"github.com/engram-sync/engram-sync/internal/transport/account"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

type (
	// TokenSource gives the bearer token for the server. An empty token means that
	// none is sent. It must be safe for concurrent use.
	TokenSource = httplayer.TokenSource
	// Tokens are an access token, and the refresh token that renews it, if there is one.
	Tokens = httplayer.Tokens
	// StoredTokens gives the tokens as they are stored now, and keeps other
	// processes from renewing them until release is called.
	StoredTokens = httplayer.StoredTokens
	// AuthResult is what a server gives for a password.
	AuthResult = account.AuthResult
)

// TokenEnd is when an access token ends by its own word; the zero time if it does
// not say, as with API keys.
func TokenEnd(token string) time.Time { return httplayer.TokenEnd(token) }

// SetTokenRefresher makes the transport renew its access token ahead of its
// end, and once after a 401. stored gives the refresh token; onTokenRefresh
// stores what was exchanged for it, before it is used. If that fails, the
// work goes on, with a warning. It is called before the first request.
func (t *RemoteTransport) SetTokenRefresher(stored StoredTokens, onTokenRefresh func(context.Context, Tokens) error) {
	t.bearer.Renewer = httplayer.NewRenewer(stored, t.Exchange, onTokenRefresh, t.opts.Logger)
}

// RefreshToken renews the access token now, whatever its age, and gives it.
func (t *RemoteTransport) RefreshToken(ctx context.Context) (string, error) {
	return t.bearer.Renew(ctx)
}

// AccessToken gives the token that the next request would use, renewed if it
// is about to end; "" if there is none.
func (t *RemoteTransport) AccessToken(ctx context.Context) (string, error) {
	return t.bearer.Token(ctx)
}
