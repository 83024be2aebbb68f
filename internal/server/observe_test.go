package server_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/engram-sync/engram-sync/internal/server"
)

func TestTheLogHasRequestsAndNoSecrets(t *testing.T) {
	var log bytes.Buffer
	dir := t.TempDir()
	s := open(t, server.Options{Dir: dir, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	c := inProcess(t, s) // Close waits for its handlers, and so for their lines
	alice := c.as("").register("alice")
	key, _ := c.post("/auth/api-key", "").decode(t)["api_key"].(string)
	c.as(alice.AccessToken).get("/sync/pull?token=" + alice.AccessToken)
	c.post("/auth/refresh", `{"refresh_token":"`+alice.RefreshToken+`"}`)
	c.post("/auth/login", `{"identifier":"alice@example.com","password":"wrong password"}`)
	c.post("/sync/push", `{"chunk_id":"00000001","created_by":"carol","data":{"prompts":[{"content":"memory"}]}}`)
	c.get("/" + strings.Repeat("long", 100))
	execute(t, dir, "DROP TABLE pieces")
	c.post("/sync/push", `{"chunk_id":"00000002","data":{"prompts":[{"content":"memory"}]}}`).want(t, 500, failure("internal error"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{
		alice.AccessToken, alice.RefreshToken, c.token, key, "password-of-alice", "wrong password", "alice@example.com", "carol", "memory", "token=",
	} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	type line struct {
		Msg, Method, Path, Error   string
		ID, Client, Route, Account string
		Status, Bytes, Ms          int
	}
	var got []line
	for text := range strings.Lines(log.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(l.Error, "no such table") { // in the driver's words
			l.Error = "no such table"
		}
		if l.Msg == "request" && (len(l.ID) != 12 || l.Client != "pipe") {
			t.Errorf("request %q of %q", l.ID, l.Client)
		}
		got = append(got, l)
	}
	want := []line{
		{Msg: "request", Method: "POST", Path: "/auth/register", Route: "POST /auth/register", Account: "alice", Status: 201},
		{Msg: "request", Method: "POST", Path: "/auth/api-key", Route: "POST /auth/api-key", Account: "local", Status: 201},
		{Msg: "request", Method: "GET", Path: "/sync/pull", Route: "GET /sync/pull", Account: "alice", Status: 200, Bytes: 26},
		{Msg: "request", Method: "POST", Path: "/auth/refresh", Route: "POST /auth/refresh", Account: "alice", Status: 200},
		{Msg: "request", Method: "POST", Path: "/auth/login", Route: "POST /auth/login", Status: 401},
		{Msg: "request", Method: "POST", Path: "/sync/push", Route: "POST /sync/push", Account: "local", Status: 200},
		{Msg: "request", Method: "GET", Path: "/" + strings.Repeat("long", 100)[:199], Status: 404},
		{Msg: "request failed", Method: "POST", Path: "/sync/push", Error: "no such table"},
		{Msg: "request", Method: "POST", Path: "/sync/push", Route: "POST /sync/push", Account: "local", Status: 500},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(line{}, "Bytes", "Ms", "ID", "Client")); diff != "" {
		t.Error(diff)
	}
	if got[2].Bytes != want[2].Bytes {
		t.Errorf("%d bytes logged, want %d", got[2].Bytes, want[2].Bytes)
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	broken := false
	c := listen(t, open(t, server.Options{Now: func() time.Time {
		if broken {
			panic("the clock stopped")
		}
		return time.Now()
	}}))
	broken = true
	c.get("/sync/pull").want(t, 500, failure("internal error"))
	broken = false
	c.get("/sync/pull").want(t, 200, "")
}
