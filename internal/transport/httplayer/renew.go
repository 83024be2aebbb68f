package httplayer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/semaphore"
)

// Tokens are an access token, and the refresh token that renews it, if there is one.
type Tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// String keeps the secrets out of logs and errors.
func (Tokens) String() string { return "tokens" }

func (t Tokens) GoString() string { return t.String() }

// StoredTokens gives the tokens as they are stored now, and keeps other
// processes from renewing them until release is called.
type StoredTokens = func(ctx context.Context) (tokens Tokens, release func() error, err error)

// Renewer keeps one access token fresh. Of all that need a new one at the same
// time, one exchanges the refresh token, and the others get what it got: the
// token, or the error. Whoever takes several locks takes this one first, then
// that on the login (stored), then those of its files (persist), which can't be
// cancelled: a token that was exchanged has to be kept.
type Renewer struct {
	stored  StoredTokens
	ask     func(ctx context.Context, refreshToken string) (Tokens, error) // the server
	persist func(context.Context, Tokens) error
	log     *slog.Logger

	slot     *semaphore.Weighted // of one: what follows is used only by who holds it. Who waits for it can be cancelled
	access   string              // the newest token; "" until one was looked at
	due      time.Time           // when to renew it; zero for never
	failed   error               // of the last renewal that failed
	failedAt time.Time
	refused  string // a refresh token that the server does not take
	refusal  error
}

// NewRenewer makes a renewer: stored gives the refresh token, ask exchanges it at
// the server, and persist stores what came of it, before it is used.
func NewRenewer(
	stored StoredTokens, ask func(context.Context, string) (Tokens, error), persist func(context.Context, Tokens) error, log *slog.Logger,
) *Renewer {
	return &Renewer{stored: stored, ask: ask, persist: persist, log: log, slot: semaphore.NewWeighted(1)}
}

// Renew renews the access token now, whatever its age, and gives it.
func (t *Bearer) Renew(ctx context.Context) (string, error) {
	if t.Renewer == nil {
		return "", errNotRenewable
	}
	token, err := t.first(ctx)
	if err != nil {
		return "", err
	}
	return t.Renewer.renew(ctx, token, time.Now())
}

var errNotRenewable = fmt.Errorf("%w: this token cannot be refreshed", ErrUnauthorized)

// fresh gives the newest token that is known, renewed if it is about to end.
// first is the token to begin with; "" if only the refresh token is there.
func (r *Renewer) fresh(ctx context.Context, first string) (string, error) {
	began := time.Now()
	if r.slot.Acquire(ctx, 1) != nil {
		return "", context.Cause(ctx)
	}
	if r.access == "" && first != "" {
		r.use(first, dueAt(first))
	}
	token, due := r.access, r.due
	r.slot.Release(1)
	if token != "" && (due.IsZero() || time.Now().Before(due)) {
		return token, nil
	}
	renewed, err := r.renew(ctx, token, began)
	if errors.Is(err, ErrUnavailable) && time.Now().Before(TokenEnd(token)) {
		return token, nil // it is still good, and the server answers the rest
	}
	return renewed, err
}

// renew gives a token in place of one that is no good, or soon won't be. One
// that another process has stored in the meantime is as good as a new one. Those
// who waited, since began, while somebody else tried get what came of it, the
// failure as well: they would not fare better.
func (r *Renewer) renew(ctx context.Context, stale string, began time.Time) (string, error) {
	if r.slot.Acquire(ctx, 1) != nil {
		return "", context.Cause(ctx)
	}
	defer r.slot.Release(1)
	switch {
	case r.access != "" && r.access != stale:
		return r.access, nil
	case r.failed != nil && !began.After(r.failedAt):
		return "", r.failed
	}
	token, err := r.renewStored(ctx, stale)
	if err != nil && ctx.Err() == nil {
		r.due = TokenEnd(stale) // until then no request has to wait for a server that can't do it
		r.failed, r.failedAt = err, time.Now()
	}
	return token, err
}

func (r *Renewer) renewStored(ctx context.Context, stale string) (string, error) {
	stored, release, err := r.stored(ctx)
	if err != nil {
		return "", err
	}
	defer func() {
		if err := release(); err != nil {
			r.log.Warn("the lock on the login could not be released", "reason", err.Error())
		}
	}()
	due := dueAt(stored.Access)
	if stored.Access != "" && stored.Access != stale && (due.IsZero() || time.Now().Before(due)) {
		return r.use(stored.Access, due), nil
	}
	return r.exchange(ctx, stored)
}

// exchange asks the server. The caller holds the slot and the lock on the store.
func (r *Renewer) exchange(ctx context.Context, stored Tokens) (string, error) {
	if stored.Refresh == "" {
		return "", errNotRenewable
	}
	if r.refused == stored.Refresh {
		return "", r.refusal // for good: a run over many chunks must not ask for each
	}
	renewed, err := r.ask(ctx, stored.Refresh)
	if status, ok := errors.AsType[*StatusError](err); ok && (status.Status == http.StatusUnauthorized || status.Status == http.StatusBadRequest) {
		r.refused = stored.Refresh
		r.refusal = fmt.Errorf("%w: %w (%s)", ErrUnauthorized, ErrLoginExpired, status.Message)
		return "", r.refusal
	}
	if err != nil {
		return "", renewError(err)
	}
	if renewed.Refresh == "" {
		renewed.Refresh = stored.Refresh
	}
	// Not to be cut short: the server may have ended the old refresh token.
	if err := r.persist(context.WithoutCancel(ctx), renewed); err != nil {
		r.log.Warn("the refreshed token could not be stored, so the next run has to refresh it again", "reason", err.Error())
	}
	return r.use(renewed.Access, dueFrom(renewed.Access, time.Now())), nil
}

func (r *Renewer) use(token string, due time.Time) string {
	r.access, r.due = token, due
	return token
}

// renewError keeps the class and the text of an error, and hides its type: to
// whoever sent the request that needed the token, a status or a broken
// connection must not look like one of that request.
func renewError(err error) error {
	for _, class := range []error{ErrUnavailable, ErrRefused, ErrNotEngram, ErrTLS} {
		if errors.Is(err, class) && !is[*RetryLaterError](err) {
			return &classError{text: err.Error(), class: class}
		}
	}
	return err
}

// renewAhead is how long before its end an access token is renewed.
const renewAhead = time.Minute

// TokenEnd is when an access token ends by its own word, the exp of a JWT
// (account-server.md 2.2); the zero time if it does not say, as with API keys.
func TokenEnd(token string) time.Time {
	_, end := tokenSpan(token)
	return end
}

// dueAt is when to renew a token of unknown age, by its exp; zero for never.
func dueAt(token string) time.Time {
	end := TokenEnd(token)
	if end.IsZero() {
		return end
	}
	return end.Add(-renewAhead)
}

// dueFrom is when to renew a token that was made now; zero for never. What counts is how long
// it lasts: where the clocks of the two sides differ, its exp would have it
// renewed for every request, or never.
func dueFrom(token string, now time.Time) time.Time {
	start, end := tokenSpan(token)
	if start.IsZero() {
		start = now
	}
	life := end.Sub(start)
	if end.IsZero() || life <= 0 {
		return time.Time{}
	}
	return now.Add(max(life-renewAhead, life/2))
}

// tokenSpan gives iat and exp of a JWT, each zero if it has none.
func tokenSpan(token string) (start, end time.Time) {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil {
		return time.Time{}, time.Time{}
	}
	if claims.IssuedAt != nil {
		start = claims.IssuedAt.Time
	}
	if claims.ExpiresAt != nil {
		end = claims.ExpiresAt.Time
	}
	return start, end
}
