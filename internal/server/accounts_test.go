package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server"
)

const badCredentials = `{"error":"invalid credentials"}` + "\n"

// add makes an account, with the password "password-of-NAME".
func add(t testing.TB, s *server.Server, name string) server.User {
	t.Helper()
	u, err := s.AddUser(t.Context(), name, name+"@example.com", "password-of-"+name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// signIn gives the tokens of an account, and a new API key of it.
func (c client) signIn(name, password string) (account, string) {
	c.t.Helper()
	r := c.as("").post("/auth/login", `{"identifier":"`+name+`","password":"`+password+`"}`)
	r.want(c.t, 200, "")
	a := r.account(c.t)
	key, _ := c.as(a.AccessToken).post("/auth/api-key", "").decode(c.t)["api_key"].(string)
	return a, key
}

// A sign-in is noted always, other requests once an hour, with whatever the account comes.
func TestWhenAnAccountWasSeen(t *testing.T) {
	now := newClock()
	s := open(t, server.Options{Now: now.Now})
	add(t, s, "alice")
	c := listen(t, s)
	tokens, key := c.signIn("alice", "password-of-alice")
	seen := func(want time.Time) {
		t.Helper()
		users, err := s.Users(t.Context())
		if err != nil || !users[0].LastSeen.Equal(want) {
			t.Errorf("seen at %v (%v), want %v", users[0].LastSeen, err, want)
		}
	}
	first := now.Now()
	now.advance(59 * time.Minute)
	c.as(key).get("/sync/pull").want(t, http.StatusOK, "")
	seen(first)
	c.signIn("alice", "password-of-alice")
	seen(now.Now())
	now.advance(time.Hour)
	c.as("").post("/auth/refresh", `{"refresh_token":"`+tokens.RefreshToken+`"}`).want(t, http.StatusOK, "")
	seen(now.Now())
	now.advance(time.Hour)
	c.as(key).get("/sync/pull").want(t, http.StatusUnauthorized, "") // the second sign-in made another one
	seen(now.Now().Add(-time.Hour))
}

func TestUsersListsWhoHasWhat(t *testing.T) {
	now := newClock()
	s := open(t, server.Options{Now: now.Now})
	if users, err := s.Users(t.Context()); err != nil || users == nil || len(users) > 0 {
		t.Errorf("in an empty server: %#v, %v", users, err)
	}
	bob, alice := add(t, s, "bob"), add(t, s, "alice")
	c := listen(t, s)
	a, _ := c.signIn("alice", "password-of-alice")
	c.as(a.AccessToken).post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
	c.as(a.AccessToken).post("/sync/push", `{"chunk_id":"00000002","data":{}}`).want(t, 200, "")
	if err := s.SetDisabled(t.Context(), "bob", true); err != nil {
		t.Fatal(err)
	}

	got, err := s.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	alice.Chunks, alice.Bytes = 2, int64(len(`{"chunk_id":"00000001"}{"chunk_id":"00000002","data":{}}`))
	alice.Used, alice.LastSeen, alice.LastSeenFrom = alice.Bytes, now.Now(), "127.0.0.1"
	bob.Disabled = true
	local := server.User{ID: got[len(got)-1].ID, Username: "local", CreatedAt: now.Now(), BuiltIn: true}
	if diff := cmp.Diff([]server.User{alice, bob, local}, got); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(bob)
	want := `{"id":"` + bob.ID + `","username":"bob","email":"bob@example.com","created_at":"2026-11-23T12:00:00Z",` +
		`"disabled":true,"built_in":false,"chunks":0,"bytes":0,"used":0,"quota":0}`
	if err != nil || string(text) != want {
		t.Errorf("got %s, want %s (%v)", text, want, err)
	}
}

func TestAddUserRefusesWhatRegisterRefuses(t *testing.T) {
	s := open(t, server.Options{})
	add(t, s, "alice")
	for _, tt := range []struct {
		name, user, email, password string
		is                          error
		want                        string
	}{
		{"no email", "bob", "", "12345678", server.ErrBadInput, "username, email, and password are required"},
		{"short password", "bob", "b@x", "1234567", server.ErrBadInput, "password must be at least 8 characters"},
		{"bad UTF-8", "bob\xff", "b@x", "12345678", server.ErrBadInput, "username is not valid UTF-8"},
		{"an escape", "bob", "b\x1b[2J@x", "12345678", server.ErrBadInput, "email must not contain control characters"},
		{"a line", "bob\nalice", "b@x", "12345678", server.ErrBadInput, "username must not contain control characters"},
		{"right to left", "bob\u202eecila", "b@x", "12345678", server.ErrBadInput, "username must not contain control characters"},
		{"a name that is taken", "alice", "b@x", "12345678", server.ErrUserExists, "username is already registered"},
		{"an email that is taken", "bob", "alice@example.com", "12345678", server.ErrUserExists, "email is already registered"},
		{"the built-in name", "local", "b@x", "12345678", server.ErrUserExists, "username is already registered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.AddUser(t.Context(), tt.user, tt.email, tt.password)
			if !errors.Is(err, tt.is) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestAccountsThatCannotBeChanged(t *testing.T) {
	s := open(t, server.Options{})
	c := listen(t, s) // with the account local
	add(t, s, "alice")
	for name, tt := range map[string]struct {
		err  error
		is   error
		want string
	}{
		"disable nobody":       {s.SetDisabled(t.Context(), "bob\n", true), server.ErrNoUser, `no such user: "bob\n"`},
		"password of nobody":   {s.SetPassword(t.Context(), "Alice", "12345678"), server.ErrNoUser, `no such user: "Alice"`},
		"short password":       {s.SetPassword(t.Context(), "alice", "1234567"), server.ErrBadInput, "password must be at least 8 characters"},
		"long password":        {s.SetPassword(t.Context(), "alice", strings.Repeat("p", 1025)), server.ErrBadInput, "password must be at most 1024 bytes"},
		"password of built-in": {s.SetPassword(t.Context(), "local", "12345678"), server.ErrBadInput, "the built-in user local cannot have a password"},
		"disable built-in":     {s.SetDisabled(t.Context(), "local", true), server.ErrBadInput, "the built-in user local cannot be disabled or enabled"},
	} {
		if !errors.Is(tt.err, tt.is) || tt.err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", name, tt.err, tt.want)
		}
	}
	c.get("/sync/pull").want(t, 200, "")
	c.signIn("alice", "password-of-alice")
}

// The administrator's Server is another one, as that of another process would be.
func TestADisabledAccountIsShutOutUntilItIsEnabled(t *testing.T) {
	dir := t.TempDir()
	c := listen(t, open(t, server.Options{Dir: dir})).as("")
	admin := open(t, server.Options{Dir: dir})
	add(t, admin, "alice")
	alice, key := c.signIn("alice", "password-of-alice")
	if err := admin.SetDisabled(t.Context(), "alice", true); err != nil {
		t.Fatal(err)
	}
	c.as(alice.AccessToken).get("/sync/pull").want(t, 401, badToken)
	c.as(key).get("/sync/pull").want(t, 401, badCredentials)
	c.post("/auth/refresh", `{"refresh_token":"`+alice.RefreshToken+`"}`).want(t, 401, badRefresh)
	c.post("/auth/login", `{"identifier":"alice","password":"password-of-alice"}`).want(t, 401, badCredentials)

	if err := admin.SetDisabled(t.Context(), "alice", false); err != nil {
		t.Fatal(err)
	}
	c.as(alice.AccessToken).get("/sync/pull").want(t, 200, "")
	c.as(key).get("/sync/pull").want(t, 200, "")
	c.signIn("alice", "password-of-alice")
}

// All of it happens at one moment: the time of issue cannot tell old from new.
func TestANewPasswordVoidsWhatWasIssuedBefore(t *testing.T) {
	dir := t.TempDir()
	now := newClock()
	c := listen(t, open(t, server.Options{Dir: dir, Now: now.Now})).as("")
	admin := open(t, server.Options{Dir: dir, Now: now.Now})
	add(t, admin, "alice")
	add(t, admin, "bob")
	alice, key := c.signIn("alice", "password-of-alice")
	bob, bobsKey := c.signIn("bob", "password-of-bob")
	if err := admin.SetPassword(t.Context(), "alice", "another password"); err != nil {
		t.Fatal(err)
	}
	c.as(alice.AccessToken).get("/sync/pull").want(t, 401, badToken)
	c.as(alice.AccessToken).post("/auth/api-key", "").want(t, 401, badToken)
	c.as(key).get("/sync/pull").want(t, 401, badCredentials)
	c.post("/auth/refresh", `{"refresh_token":"`+alice.RefreshToken+`"}`).want(t, 401, badRefresh)
	c.post("/auth/login", `{"identifier":"alice","password":"password-of-alice"}`).want(t, 401, badCredentials)

	fresh, freshKey := c.signIn("alice", "another password")
	c.as(freshKey).get("/sync/pull").want(t, 200, "")
	c.as(fresh.AccessToken).get("/sync/pull").want(t, 200, "")
	c.post("/auth/refresh", `{"refresh_token":"`+fresh.RefreshToken+`"}`).want(t, 200, "")
	c.as(bob.AccessToken).get("/sync/pull").want(t, 200, "")
	c.as(bobsKey).get("/sync/pull").want(t, 200, "")
}

func TestRegistrationCanBeDisabled(t *testing.T) {
	s := open(t, server.Options{NoRegister: true})
	c := listen(t, s).as("")
	for range 4 {
		c.post("/auth/register", `{"username":"eve","email":"e@x","password":"12345678"}`).
			want(t, 403, failure("registration is disabled"))
	}
	c.post("/auth/login", `{"identifier":"eve","password":"12345678"}`).want(t, 401, badCredentials)
	code, _, err := s.Invite(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c.post("/auth/register", `{"username":"bob","email":"b@x","password":"12345678","invitation":"`+code+`"}`).want(t, 201, "")
	add(t, s, "alice")
	c.signIn("alice", "password-of-alice")
}

// An account keeps no more than it may, and its pushes say so; what is there can be read.
func TestQuota(t *testing.T) {
	s := open(t, server.Options{Quota: 200})
	c := listen(t, s)
	alice := c.as(c.as("").register("alice").AccessToken)
	chunk := func(id string) string {
		return `{"chunk_id":"` + id + `","created_by":"` + strings.Repeat("x", 100) + `"}`
	}
	over := failure("the account may keep 200 bytes, and this would be more")
	alice.post("/sync/push", chunk("00000001")).want(t, 200, "")
	alice.post("/sync/push", chunk("00000001")).want(t, 200, "") // is there already
	alice.post("/sync/push", chunk("00000002")).want(t, 507, over)
	alice.post("/sync/mutations/push", mutations(`{"content":"`+strings.Repeat("x", 100)+`"}`)).want(t, 507, over)
	alice.get("/sync/pull/00000001").want(t, 200, "")
	if err := s.SetQuota(t.Context(), "alice", 0); err != nil {
		t.Fatal(err)
	}
	alice.post("/sync/push", chunk("00000002")).want(t, 200, "")
}

// Whose account it is changes the password, and ends what was issued; nobody else does with a token alone.
func TestOwnPassword(t *testing.T) {
	c := listen(t, open(t, server.Options{})).as("")
	alice := c.register("alice")
	own := c.as(alice.AccessToken)
	change := func(from, to string) string { return `{"password":"` + from + `","new_password":"` + to + `"}` }
	c.post("/auth/password", change("password-of-alice", "battery staple")).want(t, 401, "")
	own.post("/auth/password", change("guessed password", "battery staple")).want(t, 403, failure("the password is another one"))
	own.post("/auth/password", change("password-of-alice", "short")).want(t, 400, "")
	own.get("/sync/pull").want(t, 200, "")
	fresh := own.post("/auth/password", change("password-of-alice", "battery staple"))
	fresh.want(t, 200, "")
	own.get("/sync/pull").want(t, 401, badToken)
	c.post("/auth/refresh", `{"refresh_token":"`+alice.RefreshToken+`"}`).want(t, 401, "")
	now := c.as(fresh.account(t).AccessToken)
	now.get("/sync/pull").want(t, 200, "")
	key, _ := now.post("/auth/api-key", "").decode(t)["api_key"].(string)
	for range 7 {
		now.post("/auth/password", change("guessed password", "battery staple")).want(t, 403, "")
	}
	now.post("/auth/password", change("battery staple", "another password")).want(t, 429, "") // whoever guesses

	now.do("DELETE", "/auth/sessions", nil).want(t, 200, `{"status":"signed out"}`+"\n")
	for _, token := range []string{now.token, key} {
		c.as(token).get("/sync/pull").want(t, 401, "")
	}
	c.signIn("alice", "battery staple")
}
