package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/engram-sync/engram-sync/internal/server"
)

func failure(text string) string { return `{"error":"` + text + `"}` + "\n" }

// Rows of account-server.md 2.1 and 10, for sign-up and sign-in.
func TestSignUpAndSignInRules(t *testing.T) {
	c := listen(t, open(t, server.Options{TrustedProxies: loopback})).as("")
	c.register("alice")
	const (
		required = "username, email, and password are required"
		parts    = "identifier and password are required"
		invalid  = "invalid credentials"
	)
	signUp := func(name, email, password string) string {
		return fmt.Sprintf(`{"username":%q,"email":%q,"password":%q}`, name, email, password)
	}
	tests := []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"nothing", "register", ``, 400, failure("invalid json: EOF")},
		{"cut off", "register", `{"username":`, 400, failure("invalid json: unexpected EOF")},
		{"empty object", "register", `{}`, 400, failure(required)},
		{"null", "register", `null`, 400, failure(required)},
		{"no email", "register", `{"username":"bob","password":"12345678"}`, 400, failure(required)},
		{"short password", "register", signUp("bob", "b@x", "1234567"), 400, failure("password must be at least 8 characters")},
		{"8 bytes in 4 characters", "register", signUp("four", "4@x", "éééé"), 201, ""},
		{"8 bytes of other letter case keys", "register", `{"UserName":"keys","EMAIL":"k@x","Password":"12345678"} trailing`, 201, ""},
		{"password of 72 bytes and more", "register", signUp("long", "l@x", strings.Repeat("p", 1024)), 201, ""},
		{"password of 1025 bytes", "register", signUp("longer", "m@x", strings.Repeat("p", 1025)), 400, failure("password must be at most 1024 bytes")},
		{"name of 256 bytes", "register", signUp(strings.Repeat("n", 256), "n@x", "12345678"), 400, failure("username must be at most 255 bytes")},
		{"email of 256 bytes", "register", signUp("n", strings.Repeat("n", 256), "12345678"), 400, failure("email must be at most 255 bytes")},
		{"NUL", "register", `{"username":"a\u0000b","email":"n@x","password":"12345678"}`, 400, failure("username must not contain a NUL character")},
		{"bad UTF-8", "register", "{\"username\":\"a\xff\",\"email\":\"n@x\",\"password\":\"12345678\"}", 400, failure("invalid json: not valid UTF-8")},
		{"same name", "register", signUp("alice", "other@x", "12345678"), 409, failure("username is already registered")},
		{"same email", "register", signUp("alice2", "alice@example.com", "12345678"), 409, failure("email is already registered")},
		{"somebody's email as name", "register", signUp("alice@example.com", "o@x", "12345678"), 409, failure("username is already registered")},
		{"somebody's name as email", "register", signUp("alice3", "alice", "12345678"), 409, failure("email is already registered")},
		{"the built-in name", "register", signUp("local", "o@x", "12345678"), 409, failure("username is already registered")},
		{"body too large", "register", strings.Repeat(" ", 64<<10) + "1", 413, failure("request body too large (max 64KB)")},

		{"no parts", "login", `{}`, 400, failure(parts)},
		{"no password", "login", `{"identifier":"alice"}`, 400, failure(parts)},
		{"blank identifier", "login", `{"identifier":"  ","password":"x"}`, 400, failure(parts)},
		{"by name", "login", `{"identifier":"alice","password":"password-of-alice"}`, 200, ""},
		{"by name, as username", "login", `{"username":"alice","password":"password-of-alice"}`, 200, ""},
		{"by email, with blanks", "login", `{"identifier":" alice@example.com ","password":"password-of-alice"}`, 200, ""},
		{"other letter case", "login", `{"identifier":"Alice","password":"password-of-alice"}`, 401, failure(invalid)},
		{"wrong password", "login", `{"identifier":"alice","password":"password-of-alice "}`, 401, failure(invalid)},
		{"nobody", "login", `{"identifier":"nobody","password":"x"}`, 401, failure(invalid)},
		{"the built-in account", "login", `{"identifier":"local","password":"12345678"}`, 401, failure(invalid)},
		{"NUL in the password", "login", `{"identifier":"alice","password":"a\u0000"}`, 400, failure("password must not contain a NUL character")},
		{"wrong type", "login", `{"identifier":5,"password":"a"}`, 400, ""},
	}
	for i, tt := range tests {
		t.Run(tt.path+" with "+tt.name, func(t *testing.T) {
			r := c.post("/auth/"+tt.path, tt.body, fmt.Sprintf("X-Forwarded-For: 192.0.2.%d", i))
			r.want(t, tt.status, tt.want)
			if got := r.header.Get("Content-Type"); got != "application/json" {
				t.Errorf("content type %q", got)
			}
		})
	}
}

// Also while the built-in account does not exist yet.
func TestNobodyBecomesTheBuiltInAccount(t *testing.T) {
	s := open(t, server.Options{})
	c := client{t: t, url: "http://any.invalid", http: &http.Client{Transport: s.InProcess()}}
	c.post("/auth/register", `{"username":"local","email":"e","password":"12345678"}`).
		want(t, 409, failure("username is already registered"))
	c.post("/auth/register", `{"username":"u","email":"local","password":"12345678"}`).
		want(t, 409, failure("email is already registered"))
}

// The reference server compares only the first 72 bytes of a password.
func TestEveryByteOfAPasswordCounts(t *testing.T) {
	c := listen(t, open(t, server.Options{})).as("")
	password := strings.Repeat("p", 100)
	c.post("/auth/register", `{"username":"u","email":"e","password":"`+password+`"}`).want(t, 201, "")
	c.post("/auth/login", `{"identifier":"u","password":"`+password[:99]+`q"}`).want(t, 401, "")
	c.post("/auth/login", `{"identifier":"u","password":"`+password+`"}`).want(t, 200, "")
}

func TestRegisterAndLoginGiveTheSameAccount(t *testing.T) {
	c := listen(t, open(t, server.Options{Now: newClock().Now})).as("")
	registered := c.register("alice")
	loggedIn := c.post("/auth/login", `{"identifier":"alice","password":"password-of-alice"}`).account(t)
	if diff := cmp.Diff(registered, loggedIn, cmpopts.IgnoreFields(account{}, "AccessToken", "RefreshToken")); diff != "" {
		t.Error(diff)
	}
	if registered.Username != "alice" || len(registered.UserID) != 36 || registered.ExpiresIn != 3600 {
		t.Errorf("got %+v", registered)
	}
	c.as(registered.AccessToken).get("/sync/pull").want(t, http.StatusOK, "")
}

func TestAccountsAreThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	first := listen(t, open(t, server.Options{Dir: dir}))
	alice := first.as("").register("alice")
	first.as(alice.AccessToken).post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")

	second := listen(t, open(t, server.Options{Dir: dir}))
	second.as("").post("/auth/login", `{"identifier":"alice","password":"password-of-alice"}`).want(t, 200, "")
	second.as(alice.AccessToken).get("/sync/pull/00000001").want(t, 200, `{"chunk_id":"00000001"}`)
	if first.token != second.token && second.get("/sync/pull").status != 200 {
		t.Error("the local account is gone")
	}
}

func TestAPIKeys(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	mint := func(c client) string {
		t.Helper()
		r := c.post("/auth/api-key", "ignored")
		r.want(t, http.StatusCreated, "")
		v := r.decode(t)
		key, _ := v["api_key"].(string)
		if want := (map[string]any{"api_key": key, "message": "Store this key securely. It will not be shown again."}); cmp.Diff(want, v) != "" {
			t.Error(cmp.Diff(want, v))
		}
		if len(key) != 68 || !strings.HasPrefix(key, "eng_") || strings.Trim(key[4:], "0123456789abcdef") != "" {
			t.Errorf("key %q has another form", key)
		}
		return key
	}
	first := mint(c)
	c.as(first).get("/sync/pull").want(t, 200, "")
	second := mint(c.as(first))
	c.as(first).get("/sync/pull").want(t, 401, failure("invalid credentials"))
	c.as(second).get("/sync/pull").want(t, 200, "")
	c.as("ENG_"+second[4:]).get("/sync/pull").want(t, 401, badToken)
	for range 2 {
		c.do(http.MethodDelete, "/auth/api-key", nil).want(t, 200, `{"status":"revoked"}`+"\n")
	}
	c.as(second).get("/sync/pull").want(t, 401, failure("invalid credentials"))
}
