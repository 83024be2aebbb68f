package server

import (
	"cmp"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/server/signin"
	"github.com/engram-sync/engram-sync/internal/server/spool"
)

// routes are those of the reference server. What no route matches, the mux
// answers in plain text, as there.
func (s *Server) routes(spools spool.Place, opts Options) http.Handler {
	var (
		to   = responder{log: s.log, access: cmp.Or(opts.AccessLog, s.log), ready: s.ready, metrics: s.metrics, tell: tellJSON}
		auth = &authHandlers{accounts: s.accounts, bearers: s.bearers, client: s.fair.client, address: s.fair.address, invitedOnly: opts.NoRegister,
			seen: signin.NewSightings(s.store, s.now, s.log)}
		chunks    = &chunkHandlers{store: s.store, spools: spools, lists: spool.NewShared[string](spools), fair: s.fair, ready: s.ready, log: s.log}
		mutations = &mutationHandlers{store: s.store, spools: spools, pages: spool.NewShared[pageEnd](spools), fair: s.fair}
	)
	mux := http.NewServeMux()
	anybody := func(pattern string, next handler) { mux.Handle(pattern, to.handle(s.fair.inTurn(next))) }
	signedIn := func(pattern string, next accountHandler) { anybody(pattern, auth.signedIn(s.fair.ofAccount(next))) }
	mux.Handle("GET /health", to.handle(s.health)) // whoever watches need not wait
	mux.Handle("GET /ready", to.handle(s.readiness))
	anybody("POST /auth/register", s.fair.limited("register", registerAttempts, auth.register))
	anybody("POST /auth/login", s.fair.limited("login", loginAttempts, auth.login))
	anybody("POST /auth/refresh", auth.refresh)
	signedIn("POST /auth/password", s.fair.limitedAccount("password", loginAttempts, auth.changePassword))
	signedIn("DELETE /auth/sessions", auth.signOut)
	signedIn("POST /auth/api-key", auth.mintKey)
	signedIn("DELETE /auth/api-key", auth.revokeKey)
	signedIn("POST /sync/push", chunks.push)
	signedIn("GET /sync/pull", chunks.pullManifest)
	signedIn("GET /sync/pull/{chunk_id}", chunks.pull)
	signedIn("POST /sync/mutations/push", mutations.push)
	signedIn("GET /sync/mutations/pull", mutations.pull)
	if opts.Pages {
		s.addPages(mux, to, auth)
	}
	return to.observe(mux, s.fair.address)
}

// health answers as the reference server does, since clients look for its name. It says whether this
// process is of use at all; readiness is for those that choose between processes.
func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	answer := reply{"service": "engram-cloud", "status": "ok", "version": "0.1.0"}
	status := http.StatusOK
	if err := s.ready.alive(r.Context()); err != nil {
		s.log.ErrorContext(r.Context(), "the database does not answer", "error", err.Error())
		answer["status"], answer["database"] = "degraded", stateOf(err)
		status = http.StatusServiceUnavailable
	}
	return writeJSON(w, status, answer)
}

// readiness serves GET /ready: whether this process can keep what it is sent.
func (s *Server) readiness(w http.ResponseWriter, r *http.Request) error {
	if err := s.ready.check(r.Context()); err != nil {
		s.log.WarnContext(r.Context(), "not ready", "error", err.Error())
		return writeJSON(w, http.StatusServiceUnavailable, reply{"status": "not ready", "reason": stateOf(err)})
	}
	return writeJSON(w, http.StatusOK, reply{"status": "ready"})
}
