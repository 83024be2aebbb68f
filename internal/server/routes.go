package server

import (
	"cmp"
	"net/http"
)

// routes are those of the reference server. What no route matches, the mux
// answers in plain text, as there.
func (s *Server) routes(spoolDir string, opts Options) http.Handler {
	var (
		to        = responder{log: s.log, access: cmp.Or(opts.AccessLog, s.log), ready: s.ready, metrics: s.metrics}
		limits    = newRateLimits(opts.Now, opts.TrustForwardedFor)
		spools    = spools{dir: spoolDir, log: s.log}
		auth      = &authHandlers{accounts: s.accounts, bearers: s.bearers}
		chunks    = &chunkHandlers{store: s.store, spools: spools, ready: s.ready, log: s.log}
		mutations = newMutationHandlers(s.store, spools)
	)
	register := limits.limited("register", registerAttempts, auth.register)
	if opts.NoRegister {
		register = noRegister
	}
	mux := http.NewServeMux()
	mux.Handle("GET /health", to.handle(s.health))
	mux.Handle("GET /ready", to.handle(s.readiness))
	mux.Handle("POST /auth/register", to.handle(register))
	mux.Handle("POST /auth/login", to.handle(limits.limited("login", loginAttempts, auth.login)))
	mux.Handle("POST /auth/refresh", to.handle(auth.refresh))
	mux.Handle("POST /auth/api-key", to.handle(auth.signedIn(auth.mintKey)))
	mux.Handle("DELETE /auth/api-key", to.handle(auth.signedIn(auth.revokeKey)))
	mux.Handle("POST /sync/push", to.handle(auth.signedIn(chunks.push)))
	mux.Handle("GET /sync/pull", to.handle(auth.signedIn(chunks.pullManifest)))
	mux.Handle("GET /sync/pull/{chunk_id}", to.handle(auth.signedIn(chunks.pull)))
	mux.Handle("POST /sync/mutations/push", to.handle(auth.signedIn(mutations.push)))
	mux.Handle("GET /sync/mutations/pull", to.handle(auth.signedIn(mutations.pull)))
	return to.observe(mux, limits.address)
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
