package server_test

import (
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server"
)

const badRefresh = `{"error":"invalid or expired refresh token"}` + "\n"

func TestTokensCarryTheReferenceClaims(t *testing.T) {
	now := newClock()
	dir := t.TempDir()
	alice := listen(t, open(t, server.Options{Dir: dir, Now: now.Now})).as("").register("alice")
	for kind, token := range map[string]string{"access": alice.AccessToken, "refresh": alice.RefreshToken} {
		var got jwt.MapClaims
		parsed, err := jwt.ParseWithClaims(token, &got, func(*jwt.Token) (any, error) { return signingKey(t, dir), nil },
			jwt.WithTimeFunc(now.Now))
		if err != nil {
			t.Fatal(err)
		}
		lifetime := map[string]float64{"access": 3600, "refresh": 604800}[kind]
		iat := float64(now.Now().Unix())
		if id, _ := got["sid"].(string); id == "" || got["auth_time"] != iat { // which are ours, for the list of sessions
			t.Errorf("%s: %v", kind, got)
		}
		delete(got, "sid")
		delete(got, "auth_time")
		want := jwt.MapClaims{"user_id": alice.UserID, "username": "alice", "type": kind, "sub": alice.UserID, "iat": iat, "exp": iat + lifetime}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if parsed.Method.Alg() != "HS256" {
			t.Errorf("signed with %s", parsed.Method.Alg())
		}
	}
}

func TestTokensLiveAsLongAsTheReferenceTokens(t *testing.T) {
	now := newClock()
	c := listen(t, open(t, server.Options{Now: now.Now}))
	alice := c.as("").register("alice")
	refresh := `{"refresh_token":"` + alice.RefreshToken + `"}`

	now.advance(3599 * time.Second)
	c.as(alice.AccessToken).get("/sync/pull").want(t, 200, "")
	now.advance(time.Second)
	c.as(alice.AccessToken).get("/sync/pull").want(t, 401, badToken)

	r := c.as("").post("/auth/refresh", refresh)
	r.want(t, 200, "")
	fresh, _ := r.decode(t)["access_token"].(string)
	if diff := cmp.Diff(map[string]any{"access_token": fresh, "expires_in": 3600.0}, r.decode(t)); diff != "" {
		t.Error(diff)
	}
	c.as(fresh).get("/sync/pull").want(t, 200, "")

	now.advance(604799*time.Second - time.Hour)
	c.as("").post("/auth/refresh", refresh).want(t, 200, "")
	now.advance(time.Second)
	c.as("").post("/auth/refresh", refresh).want(t, 401, badRefresh)
}

func TestRefreshWantsARefreshToken(t *testing.T) {
	c := listen(t, open(t, server.Options{})).as("")
	alice := c.register("alice")
	for body, want := range map[string]reply{
		``:                       {400, nil, failure("invalid json: EOF")},
		`{}`:                     {400, nil, failure("refresh_token is required")},
		`{"refresh_token":null}`: {400, nil, failure("refresh_token is required")},
		`{"refresh_token":"x"}`:  {401, nil, badRefresh},
		`{"refresh_token":"` + alice.AccessToken + `"}`:   {401, nil, badRefresh},
		`{"refresh_token":" ` + alice.RefreshToken + `"}`: {401, nil, badRefresh},
		`{"refresh_token":"` + alice.RefreshToken + ` "}`: {401, nil, badRefresh},
		`{"Refresh_Token":"` + alice.RefreshToken + `"}`:  {200, nil, ""},
	} {
		c.post("/auth/refresh", body).want(t, want.status, want.body)
	}
}

// Rows of account-server.md 2.1 and 10 about the Authorization header.
func TestAuthorizationHeaderRules(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	token := c.token
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
		body    string
	}{
		{"none", nil, 401, missing},
		{"empty", []string{"Authorization: "}, 401, missing},
		{"no scheme", []string{"Authorization: " + token}, 401, missing},
		{"scheme alone", []string{"Authorization: Bearer"}, 401, missing},
		{"Basic", []string{"Authorization: Basic " + token}, 401, missing},
		{"tab", []string{"Authorization: Bearer\t" + token}, 401, missing},
		{"lower case", []string{"Authorization: bearer " + token}, 200, ""},
		{"upper case, blanks", []string{"Authorization: BEARER    " + token + "  "}, 200, ""},
		{"a blank inside", []string{"Authorization: Bearer " + token[:9] + " " + token[9:]}, 401, badToken},
		{"good and bad", []string{"Authorization: Bearer " + token, "Authorization: Bearer x"}, 200, ""},
		{"bad and good", []string{"Authorization: Bearer x", "Authorization: Bearer " + token}, 401, badToken},
		{"another header", []string{"X-API-Key: " + token}, 401, missing},
		{"unknown key", []string{"Authorization: Bearer eng_0000"}, 401, failure("invalid credentials")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.as("").get("/sync/pull", tt.headers...).want(t, tt.status, tt.body)
		})
	}
	c.as("").get("/sync/pull?token="+token).want(t, 401, missing)
}

func TestForgedTokensAreRefused(t *testing.T) {
	dir := t.TempDir()
	c := listen(t, open(t, server.Options{Dir: dir})).as("")
	alice := c.register("alice")
	key := signingKey(t, dir)
	claims := func(change jwt.MapClaims) jwt.MapClaims {
		m := jwt.MapClaims{"user_id": alice.UserID, "username": "alice", "type": "access", "exp": time.Now().Add(time.Hour).Unix()}
		for name, value := range change {
			m[name] = value
		}
		return m
	}
	for _, tt := range []struct {
		name   string
		method jwt.SigningMethod
		key    any
		change jwt.MapClaims
		status int
	}{
		{"ours", jwt.SigningMethodHS256, key, nil, 200},
		{"HS384", jwt.SigningMethodHS384, key, nil, 200},
		{"HS512", jwt.SigningMethodHS512, key, nil, 200},
		{"none", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, 401},
		{"another key", jwt.SigningMethodHS256, []byte("another key of more than 32 bytes."), nil, 401},
		{"expired", jwt.SigningMethodHS256, key, jwt.MapClaims{"exp": time.Now().Add(-time.Second).Unix()}, 401},
		{"no exp", jwt.SigningMethodHS256, key, jwt.MapClaims{"exp": nil}, 401},
		{"another type", jwt.SigningMethodHS256, key, jwt.MapClaims{"type": "session"}, 401},
		{"no user", jwt.SigningMethodHS256, key, jwt.MapClaims{"user_id": ""}, 401},
		{"unknown user", jwt.SigningMethodHS256, key, jwt.MapClaims{"user_id": "00000000-0000-4000-8000-000000000000"}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token, err := jwt.NewWithClaims(tt.method, claims(tt.change)).SignedString(tt.key)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if tt.status == http.StatusUnauthorized {
				want = badToken
			}
			c.as(token).get("/sync/pull").want(t, tt.status, want)
		})
	}
	c.as(alice.RefreshToken).get("/sync/pull").want(t, 401, badToken)
}

func TestADisabledAccountIsShutOut(t *testing.T) {
	dir := t.TempDir()
	c := listen(t, open(t, server.Options{Dir: dir})).as("")
	alice := c.register("alice")
	key, _ := c.as(alice.AccessToken).post("/auth/api-key", "").decode(t)["api_key"].(string)
	for _, bearer := range []string{alice.AccessToken, key} {
		c.as(bearer).get("/sync/pull").want(t, 200, "")
	}
	// As `serve user disable` does it, beside the server that remembers her.
	if err := open(t, server.Options{Dir: dir}).SetDisabled(t.Context(), "alice", true); err != nil {
		t.Fatal(err)
	}

	c.as(alice.AccessToken).get("/sync/pull").want(t, 401, badToken)
	c.as(key).get("/sync/pull").want(t, 401, failure("invalid credentials"))
	c.post("/auth/refresh", `{"refresh_token":"`+alice.RefreshToken+`"}`).want(t, 401, badRefresh)
	c.post("/auth/login", `{"identifier":"alice","password":"password-of-alice"}`).want(t, 401, failure("invalid credentials"))
}

func signingKey(t testing.TB, dir string) []byte {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(dir, "signing.key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// execute changes the database behind the server's back.
func execute(t testing.TB, dir, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "server.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, db)
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// query reads one row behind the server's back.
func query(t testing.TB, dir, text string, into ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "server.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, db)
	if err := db.QueryRowContext(t.Context(), text).Scan(into...); err != nil {
		t.Fatal(err)
	}
}
