package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/server/signin"
	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
)

// An operator sees where an account is signed in: each sign-in once, whatever tokens came from it, until it ends.
func TestSessionsAreListed(t *testing.T) {
	t.Run("in a directory", func(t *testing.T) { sessionsAreListed(t, server.Options{}) })
	t.Run("in a database", func(t *testing.T) { sessionsAreListed(t, server.Options{Database: pgtest.Database(t)}) })
}

func sessionsAreListed(t *testing.T, opts server.Options) {
	t.Helper()
	now := newClock()
	opts.Now, opts.Pages = now.Now, true
	s := open(t, opts)
	add(t, s, "alice")
	c := listen(t, s).as("")
	lists := func(want ...server.Session) {
		t.Helper()
		got, err := s.Sessions(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(server.Session{}, "ID"), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
	lists()
	logIn := func(agent string) (a account) {
		t.Helper()
		r := c.post("/auth/login", `{"identifier":"alice","password":"password-of-alice"}`, "User-Agent: "+agent)
		r.want(t, http.StatusOK, "")
		return r.account(t)
	}
	began := now.Now()
	session := func(kind, client string, lasts time.Duration) server.Session {
		return server.Session{Kind: kind, Client: client, Began: now.Now(), Until: now.Now().Add(lasts), LastSeen: now.Now(), LastSeenFrom: "127.0.0.1"}
	}
	old, week := logIn("Go-http-client/1.1"), session("client", "Go-http-client/1.1", 7*24*time.Hour)
	lists(week)
	now.advance(time.Minute)
	newReader(t, s).in("alice").sees("/", "alice")
	browser := session("browser", "Go-http-client/1.1", 12*time.Hour)
	lists(browser, week)

	// Its refresh token stays what it is, and what comes from it is of the same session.
	now.advance(90 * time.Minute)
	var fresh struct {
		AccessToken string `json:"access_token"`
	}
	r := c.post("/auth/refresh", `{"refresh_token":"`+old.RefreshToken+`"}`, "User-Agent: Go-http-client/1.1")
	if err := json.Unmarshal([]byte(r.body), &fresh); err != nil || strings.Contains(r.body, "refresh_token") {
		t.Fatal(r.body, err)
	}
	c.as(fresh.AccessToken).get("/sync/pull").want(t, http.StatusOK, "")
	week.LastSeen = now.Now()
	lists(browser, week)
	now.advance(2 * time.Hour)
	c.as(fresh.AccessToken).get("/sync/pull").want(t, http.StatusUnauthorized, "")
	lists(browser, week)
	now.advance(12 * time.Hour)
	lists(week)
	if left := week.Until.Sub(began); left != signin.RefreshLifetime {
		t.Errorf("it lasts for %s", left)
	}

	// What the list has lost, as after a restore, is there again once it is used.
	two := logIn("engram-sync/1")
	second := session("client", "engram-sync/1", 7*24*time.Hour)
	lists(second, week)
	if err := s.SignOut(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	lists()
	now.advance(signin.StaleAfter)
	for _, token := range []string{two.AccessToken, two.RefreshToken} {
		c.as(token).get("/sync/pull").want(t, http.StatusUnauthorized, "")
	}
	lists()
}
