package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// ErrLoginExpired means that the refresh token is refused: only a new login
// helps. It comes together with ErrUnauthorized.
var ErrLoginExpired = errors.New("the login has expired")

// StoredTokens gives the tokens as they are stored now, and keeps other
// processes from renewing them until release is called.
type StoredTokens = func(ctx context.Context) (tokens Tokens, release func() error, err error)

// renewer keeps one access token fresh. Of all that need a new one at the same
// time, one exchanges the refresh token, and the others get what it got: the
// token, or the error. What slot guards is used only by who is in it.
type renewer struct {
	stored  StoredTokens
	persist func(context.Context, Tokens) error
	ask     func(context.Context, string) (Tokens, error)
	log     *slog.Logger

	slot     chan struct{} // of one: whoever waits for it can be cancelled
	access   string        // the newest token; "" until one was looked at
	due      time.Time     // when to renew it; zero for never
	failed   error         // of the last attempt that failed
	failedAt time.Time
	refused  string // a refresh token that the server does not take
	refusal  error
}

// SetTokenRefresher makes the transport renew its access token ahead of its
// end, and once after a 401. stored gives the refresh token; onTokenRefresh
// stores what was exchanged for it, before it is used. If that fails, the
// work goes on, with a warning. It is called before the first request.
func (t *RemoteTransport) SetTokenRefresher(stored StoredTokens, onTokenRefresh func(context.Context, Tokens) error) {
	t.bearer.renewer = &renewer{
		slot: make(chan struct{}, 1), stored: stored, persist: onTokenRefresh, ask: t.Exchange, log: t.opts.Logger,
	}
}

// RefreshToken renews the access token now, whatever its age, and gives it.
func (t *RemoteTransport) RefreshToken(ctx context.Context) (string, error) {
	if t.bearer.renewer == nil {
		return "", errNotRenewable()
	}
	token, err := t.bearer.first(ctx)
	if err != nil {
		return "", err
	}
	return t.bearer.renewer.renew(ctx, token, time.Now())
}

func errNotRenewable() error {
	return fmt.Errorf("%w: this token cannot be refreshed", ErrUnauthorized)
}

// AccessToken gives the token that the next request would use, renewed if it
// is about to end; "" if there is none.
func (t *RemoteTransport) AccessToken(ctx context.Context) (string, error) {
	return t.bearer.token(ctx)
}

// fresh gives the newest token that is known, renewed if it is about to end.
// first is the token to begin with; "" if only the refresh token is there.
func (r *renewer) fresh(ctx context.Context, first string) (string, error) {
	began := time.Now()
	if err := r.enter(ctx); err != nil {
		return "", err
	}
	if r.access == "" && first != "" {
		r.use(first, dueAt(first))
	}
	token, due := r.access, r.due
	<-r.slot
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
// that another process has stored in the meantime is as good as a new one.
// began is since when the caller waits for it.
func (r *renewer) renew(ctx context.Context, stale string, began time.Time) (string, error) {
	if err := r.enter(ctx); err != nil {
		return "", err
	}
	defer func() { <-r.slot }()
	if r.access != "" && r.access != stale {
		return r.access, nil
	}
	if r.failed != nil && !began.After(r.failedAt) {
		return "", r.failed // it failed while this one waited, who would not fare better
	}
	token, err := r.renewStored(ctx, stale)
	if err != nil && ctx.Err() == nil {
		r.failed, r.failedAt = err, time.Now()
		r.due = TokenEnd(stale) // until then no request has to wait for a server that can't do it
	}
	return token, err
}

func (r *renewer) renewStored(ctx context.Context, stale string) (string, error) {
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
func (r *renewer) exchange(ctx context.Context, stored Tokens) (string, error) {
	if stored.Refresh == "" {
		return "", errNotRenewable()
	}
	if r.refused == stored.Refresh {
		return "", r.refusal // for good: a run over many chunks must not ask for each
	}
	renewed, err := r.ask(ctx, stored.Refresh)
	var status *StatusError
	if errors.As(err, &status) && (status.Status == http.StatusUnauthorized || status.Status == http.StatusBadRequest) {
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

func (r *renewer) use(token string, due time.Time) string {
	r.access, r.due = token, due
	return token
}

// renewError keeps the class and the text of an error, and hides its type: to
// whoever sent the request that needed the token, a status or a broken
// connection must not look like one of that request.
func renewError(err error) error {
	for _, class := range []error{ErrUnavailable, ErrRefused, ErrNotEngram, ErrTLS} {
		var later *RetryLaterError
		if errors.Is(err, class) && !errors.As(err, &later) {
			return &classError{text: err.Error(), class: class}
		}
	}
	return err
}

type classError struct {
	text  string
	class error
}

func (e *classError) Error() string { return e.text }

// Unwrap gives the class.
func (e *classError) Unwrap() error { return e.class }

func (r *renewer) enter(ctx context.Context) error {
	select {
	case r.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
