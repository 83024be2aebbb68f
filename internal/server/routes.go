package server

import "net/http"

// routes are those of the reference server. What no route matches, the mux
// answers in plain text, as there.
func (s *Server) routes(spoolDir string, opts Options) http.Handler {
	var (
		to        = responder{log: s.log}
		limits    = newRateLimits(opts.Now, opts.TrustForwardedFor)
		spools    = spools{dir: spoolDir, log: s.log}
		auth      = &authHandlers{accounts: s.accounts, bearers: s.bearers}
		chunks    = &chunkHandlers{store: s.store, spools: spools, log: s.log}
		mutations = newMutationHandlers(s.store, spools)
	)
	register := limits.limited("register", registerAttempts, auth.register)
	if opts.NoRegister {
		register = noRegister
	}
	mux := http.NewServeMux()
	mux.Handle("GET /health", to.handle(s.health))
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
	return to.observe(mux)
}

// health answers as the reference server does, since clients look for its name.
func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	answer := reply{"service": "engram-cloud", "status": "ok", "version": "0.1.0"}
	status := http.StatusOK
	if err := s.store.Ping(r.Context()); err != nil {
		s.log.ErrorContext(r.Context(), "the database does not answer", "error", err.Error())
		answer["status"], answer["database"] = "degraded", "unavailable"
		status = http.StatusServiceUnavailable
	}
	return writeJSON(w, status, answer)
}
