// Package server is an account server: it speaks the protocol of the reference
// server over HTTP, so that existing clients work against it, and keeps what
// they send in a store.Store. Commands open one, to serve it on a listener or to
// use it inside the process.
//
// Where the reference server loses, duplicates or guesses, this one is
// transactional, idempotent and strict.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/limits"
	"github.com/engram-sync/engram-sync/internal/server/metrics"
	"github.com/engram-sync/engram-sync/internal/server/reading"
	"github.com/engram-sync/engram-sync/internal/server/signin"
	"github.com/engram-sync/engram-sync/internal/server/spool"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Options says where a Server keeps its data and how it behaves.
type Options struct {
	// Dir is the data directory. It is created with mode 0700, and holds
	// server.db, signing.key and short-lived files.
	Dir string
	// Database is the postgres:// URL of a database that keeps everything, for any
	// number of processes. Then Dir is for the short-lived files only.
	Database string
	// Serves says that the Server is to answer others for long. One at a time does so on a directory: Open waits for
	// LockWait while there is another. On a database any number does.
	Serves   bool
	LockWait time.Duration
	// Logger gets one line for each request, never with secrets. nil: none.
	Logger *slog.Logger
	// TrustedProxies are the networks of proxies in front of the server: what they say in
	// X-Forwarded-For of where a request comes from is believed, for limits and the log.
	TrustedProxies []netip.Prefix
	// AccessLog gets a record for each request, never with secrets: request, and its members id, client, status,
	// route, bytes, ms, account, path. nil: Logger gets them.
	AccessLog *slog.Logger
	// Metrics counts what is done, for the handler that Server.Metrics gives.
	Metrics bool
	// Drain is how long Serve still takes new requests after its context has ended, while GET /ready
	// sends load balancers away.
	Drain time.Duration
	// NoRegister refuses POST /auth/register to who has no invitation of Invite: all other
	// accounts are made by AddUser.
	NoRegister bool
	// Quota is how many bytes of chunks and mutations an account may keep that SetQuota told nothing
	// else; 0: any number.
	Quota int64
	// Pages shows accounts their memories at GET /, in a browser, as engram-sync browse does. Version is that of this program, which they name.
	Pages   bool
	Version string
	// Now is the clock for tokens, rate limits and receive times. nil: time.Now.
	Now func() time.Time
}

// Server is an account server. Its methods are safe for concurrent use, and
// several Servers, also of several processes, may share one directory: see
// Options.Serves.
type Server struct {
	log      *slog.Logger
	store    store.Store
	backup   func(ctx context.Context, path string) error // of the database, nil without
	accounts *accounts
	bearers  *signin.Bearers
	key      []byte // which tokens are signed with
	handler  http.Handler
	ready    *readiness
	fair     *fairness
	now      func() time.Time
	drain    time.Duration
	metrics  *metrics.Metrics // nil without
	reading  *reading.Room
	pages    bool
	local    *inProcess
	release  func() error // of the claim on the directory, nil without
}

// newServer puts a Server together on what Open has found in the data directory.
// indexes is for those of the pages.
func newServer(st store.Store, key []byte, spoolDir, indexes string, opts Options) *Server {
	s := &Server{
		log:      opts.Logger,
		drain:    opts.Drain,
		now:      opts.Now,
		store:    st,
		accounts: &accounts{store: st, passwords: signin.NewPasswords()},
		bearers:  signin.NewBearers(st, key, opts.Now),
		key:      key,
		pages:    opts.Pages,
	}
	st.DefaultQuota(opts.Quota)
	s.ready = &readiness{store: st, dir: spoolDir, now: opts.Now}
	if opts.Metrics {
		s.metrics = metrics.New(st.Usage, opts.Logger)
		st.OnCommit(s.metrics.Commit)
	}
	s.fair = newFairness(st, opts)
	spools := spool.Place{Dir: spoolDir, Log: s.log, Bytes: limits.NewBytes(bodies, bodiesEach)}
	s.reading = reading.NewRoom(reading.Config{Dir: indexes, Chunks: st, Users: st, Work: s.fair.database, Pace: s.fair.pace, Spools: spools, Met: s.ready.met, Version: opts.Version, Log: s.log})
	s.handler = s.routes(spools, opts)
	s.local = newInProcess(s.newHTTPServer())
	return s
}

// Handler serves every route of the server.
func (s *Server) Handler() http.Handler { return s.handler }

// Metrics serves what Options.Metrics lets count, in the format of Prometheus. It is for a listener of
// its own: whoever reaches it reads it.
func (s *Server) Metrics() http.Handler { return s.metrics.Handler() }

// LocalToken gives an access token, good for an hour, of the built-in account
// "local". The account is made on first use. It has no password, so nobody
// signs in to it over the network.
func (s *Server) LocalToken(ctx context.Context) (string, error) {
	u, err := s.store.LocalUser(ctx)
	if err != nil {
		return "", fmt.Errorf("get the local account: %w", err)
	}
	token, err := s.bearers.Issue(u, signin.AccessToken, store.Session{})
	if err != nil {
		return "", fmt.Errorf("issue a token for the local account: %w", err)
	}
	return token, nil
}

// InProcess gives a transport that reaches this server's handler inside the
// process, whatever host a URL names (its scheme must be http). No socket is
// involved. It works until Close.
func (s *Server) InProcess() *http.Transport { return s.local.transport }

// Close ends in-process serving, after the requests under way or a bounded
// time, and closes the database. Serve must have returned before.
func (s *Server) Close() error {
	err := s.local.close()
	s.reading.Close()
	err = errors.Join(err, s.store.Close())
	if s.release != nil {
		err = errors.Join(err, s.release())
	}
	return err
}
