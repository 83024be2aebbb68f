package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/pages"
	"github.com/engram-sync/engram-sync/internal/server/reading"
	"github.com/engram-sync/engram-sync/internal/server/signin"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// addPages adds the routes of Options.Pages, which are for people. What is limited of others is so here.
func (s *Server) addPages(mux *http.ServeMux, to responder, auth *authHandlers) {
	desk := &reading.Desk{Bearers: s.bearers, HTTPS: s.fair.https, Check: auth.named, Greet: auth.greet}
	add := func(pattern string, tell func(http.ResponseWriter, *http.Request, int, string) error, next handler) {
		to.tell = tell
		mux.Handle(pattern, pages.Protect(to.handle(s.fair.inTurn(next))))
	}
	show := auth.known(desk.Who, s.fair.ofAccount(s.reading.Show))
	for _, pattern := range []string{"GET /{$}", "GET /search", "GET /chunk", "GET /memory"} {
		add(pattern, reading.Sorry, func(w http.ResponseWriter, r *http.Request) error {
			err := show(w, r)
			if errors.Is(err, signin.ErrRefused) {
				return desk.Ask(w, r)
			}
			return err
		})
	}
	add("GET /sign-in", reading.Sorry, desk.Begin)
	add("POST /sign-in", reading.Again, desk.Ours(s.fair.limited("login", loginAttempts, desk.SignIn))) // what others send is no attempt
	add("POST /sign-out", reading.Sorry, desk.Ours(desk.SignOut))
	files := pages.Files()
	for _, pattern := range []string{"GET /style.css", "GET /icon.svg"} {
		mux.Handle(pattern, files)
	}
}

// sweepPages removes what is kept for pages of nobody, and all of it where there are none.
func (s *Server) sweepPages(ctx context.Context) {
	err := s.reading.Sweep(ctx)
	if !s.pages {
		err = sharing.RemoveAll(s.reading.Dir)
	}
	if err != nil {
		s.log.WarnContext(ctx, "what was kept for pages cannot be removed", "error", err.Error())
	}
}
