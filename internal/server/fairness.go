package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/limits"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Attempts that a client has in each window (account-server.md 1.4).
const (
	registerAttempts = 5
	loginAttempts    = 10
)

// What goes at once: of all, and of one client or account, so that none can take all of it.
// engram-sync sends up to 64 requests at once, engram 1.9.4 one.
const (
	connections, connectionsEach         = 4096, 512
	requests, requestsEach               = 1024, 256 // of a client
	accountRequests, accountRequestsEach = 512, 64
	// Reading lists, pages and batches is work for the database, which does no more at once. None of
	// it waits for a client, and a client of one account waits for itself only.
	databaseWork, databaseWorkEach = 4, 1
	longWork                       = 2 // lists of more than shortList chunks
	// bodies bounds what waits in files, in bytes.
	bodies, bodiesEach = 4 << 30, 512 << 20

	mayWait    = 64
	waitAtMost = 15 * time.Second
	comeAgain  = 5 // seconds
)

// fairness is what keeps clients from each other.
type fairness struct {
	proxies  limits.Proxies
	store    store.Store
	attempts *limits.Windows
	clients  *limits.Turns // requests
	accounts *limits.Turns // requests
	work     *limits.Turns // of accounts, in the database
	long     *limits.Turns // such work that takes a while
}

func newFairness(st store.Store, opts Options) *fairness {
	return &fairness{
		proxies:  opts.TrustedProxies,
		store:    st,
		attempts: limits.NewWindows(opts.Now),
		clients:  limits.NewTurns(requests, requestsEach, mayWait),
		accounts: limits.NewTurns(accountRequests, accountRequestsEach, mayWait),
		work:     limits.NewTurns(databaseWork, databaseWorkEach, mayWait),
		long:     limits.NewTurns(longWork, databaseWorkEach, mayWait),
	}
}

// LimitConnections bounds how many connections of ln are open at once, of all and of each client that is
// no proxy of Options.TrustedProxies. It belongs below TLS.
func (s *Server) LimitConnections(ln net.Listener) net.Listener {
	return limits.NewConns(ln, connections, connectionsEach, s.fair.proxies)
}

// address is where a request comes from.
func (f *fairness) address(r *http.Request) string {
	return f.proxies.Address(r.RemoteAddr, r.Header.Values("X-Forwarded-For"))
}

func (f *fairness) client(r *http.Request) string { return limits.Client(f.address(r)) }

// https says whether a request came by TLS, to us or to a proxy of ours.
func (f *fairness) https(r *http.Request) bool {
	return r.TLS != nil || f.proxies.HTTPS(r.RemoteAddr, r.Header.Get("X-Forwarded-Proto"))
}

// database waits for the turn of an account to keep the database busy.
func (f *fairness) database(ctx context.Context, userID string) (leave func(), err error) {
	return turn(ctx, f.work, userID)
}

// pace is that of long work of an account, which rests while other accounts have requests as well.
func (f *fairness) pace(userID string) *limits.Pace { return f.accounts.Pace(userID) }

// limited guards a handler that may be tried so often, here and at other processes on the database, which is only
// asked of what would be let in here. The whole seconds of Retry-After are rounded up:
// who comes back then is let in, other than at the reference server.
func (f *fairness) limited(endpoint string, limit int, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		client := f.client(r)
		wait, err := f.attempts.Attempt(endpoint, client, limit), error(nil)
		if wait == 0 {
			wait, err = f.store.Attempt(r.Context(), endpoint, client, limit, limits.Window)
		}
		if err != nil {
			return err
		}
		if wait > 0 {
			seconds := (wait + time.Second - 1) / time.Second
			w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
			return refuse(http.StatusTooManyRequests, "rate limit exceeded")
		}
		return next(w, r)
	}
}

// limitedAccount is limited for who has signed in.
func (f *fairness) limitedAccount(endpoint string, limit int, next accountHandler) accountHandler {
	return func(w http.ResponseWriter, r *http.Request, u store.User) error {
		return f.limited(endpoint, limit, func(w http.ResponseWriter, r *http.Request) error { return next(w, r, u) })(w, r)
	}
}

// inTurn lets a client have only so many requests under way.
func (f *fairness) inTurn(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		leave, err := turn(r.Context(), f.clients, f.client(r))
		if err != nil {
			return err
		}
		defer leave()
		return next(w, r)
	}
}

// ofAccount is inTurn for accounts.
func (f *fairness) ofAccount(next accountHandler) accountHandler {
	return func(w http.ResponseWriter, r *http.Request, u store.User) error {
		leave, err := turn(r.Context(), f.accounts, u.ID)
		if err != nil {
			return err
		}
		defer leave()
		return next(w, r, u)
	}
}

// turn waits for one, but not for ever.
func turn(ctx context.Context, turns *limits.Turns, who string) (leave func(), err error) {
	waiting, cancel := context.WithTimeoutCause(ctx, waitAtMost, limits.ErrBusy)
	defer cancel()
	if leave, err = turns.Take(waiting, who); err != nil && errors.Is(context.Cause(waiting), limits.ErrBusy) {
		err = fmt.Errorf("%w (%w)", limits.ErrBusy, err)
	}
	return leave, err
}
