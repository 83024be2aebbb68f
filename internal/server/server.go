// Package server is an account server: it keeps the chunks and mutations of
// several accounts in one SQLite file and speaks the protocol of the reference server, so that
// existing clients work against it. Where the reference server loses,
// duplicates or guesses, this one is transactional, idempotent and strict.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
)

// Names inside of the data directory.
const (
	databaseFile = "server.db"
	keyFile      = "signing.key"
	lockFile     = "open.lock"
	spoolDir     = "spool"
)

// Options says where a Server keeps its data and how it behaves.
type Options struct {
	// Dir is the data directory. It is created with mode 0700, and holds
	// server.db, signing.key and short-lived files.
	Dir string
	// Logger gets one line for each request, never with secrets. nil: none.
	Logger *slog.Logger
	// TrustForwardedFor takes the first X-Forwarded-For entry as the client's
	// address for rate limits. Only right behind a proxy that sets the header:
	// otherwise anybody writes there what they like.
	TrustForwardedFor bool
	// NoRegister refuses POST /auth/register: accounts are made by AddUser only.
	NoRegister bool
	// Now is the clock for tokens, rate limits and receive times. nil: time.Now.
	Now func() time.Time
}

// Server is an account server. Its methods are safe for concurrent use, and
// several Servers, also of several processes, may share one directory.
type Server struct {
	log            *slog.Logger
	now            func() time.Time
	trustForwarded bool
	noSignUp       bool

	db        *database
	users     *userStore
	chunks    *chunkStore
	journal   *journal
	spools    spools
	tokens    *tokens
	passwords *passwords
	limits    *rateLimits
	handler   http.Handler
	local     *inProcess
}

// Open makes a Server on opts.Dir, and first the directory, database and
// signing key where they are missing. It waits while another process does the
// same; ctx bounds that. The caller must Close the Server.
func Open(ctx context.Context, opts Options) (*Server, error) {
	// SQLite gets an absolute path: it must not depend on a later chdir.
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, spoolDir), 0o700); err != nil {
		return nil, fmt.Errorf("create the data directory: %w", err)
	}
	unlock, err := lockDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, dir, opts)
	err = both(err, unlock())
	if err != nil && s != nil {
		return nil, both(err, s.Close())
	}
	return s, err
}

// open does the part of Open that two processes must not do at once.
func open(ctx context.Context, dir string, opts Options) (*Server, error) {
	if err := atomicfile.Sweep(dir); err != nil {
		return nil, err
	}
	if err := sweepOld(filepath.Join(dir, spoolDir), spoolPrefix); err != nil {
		return nil, err
	}
	if err := sweepOld(dir, stagingPrefix); err != nil {
		return nil, err
	}
	key, err := signingKey(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	db, err := openDatabase(ctx, filepath.Join(dir, databaseFile))
	if err != nil {
		return nil, err
	}
	s := &Server{
		log:            opts.Logger,
		now:            opts.Now,
		trustForwarded: opts.TrustForwardedFor,
		noSignUp:       opts.NoRegister,
		db:             db,
		users:          &userStore{db: db},
		chunks:         &chunkStore{db: db},
		spools:         spools{dir: filepath.Join(dir, spoolDir)},
		passwords:      newPasswords(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.journal = newJournal(db, s.now)
	s.tokens = &tokens{key: key, now: s.now}
	s.limits = newRateLimits(s.now)
	s.handler = s.observe(s.routes())
	s.local = newInProcess(s.newHTTPServer())
	return s, nil
}

// Handler serves every route of the server.
func (s *Server) Handler() http.Handler { return s.handler }

// LocalToken gives an access token, good for an hour, of the built-in account
// "local". The account is made on first use. It has no password, so nobody
// signs in to it over the network.
func (s *Server) LocalToken(ctx context.Context) (string, error) {
	u, err := s.users.local(ctx, s.now())
	if err != nil {
		return "", fmt.Errorf("get the local account: %w", err)
	}
	token, err := s.tokens.issue(u, accessToken)
	if err != nil {
		return "", fmt.Errorf("issue a token for the local account: %w", err)
	}
	return token, nil
}

// InProcess gives a transport that reaches this server's handler inside the
// process, whatever host a URL names (its scheme must be http). No socket is
// involved. It works until Close.
func (s *Server) InProcess() *http.Transport { return s.local.transport() }

// Close ends in-process serving, after the requests under way or a bounded
// time, and closes the database. Serve must have returned before.
func (s *Server) Close() error {
	return both(s.local.close(), s.db.close())
}
