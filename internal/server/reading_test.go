package server_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/server/signin"
	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

// reader is somebody with a browser.
type reader struct {
	client
}

// newReader opens a browser at a server that shows pages.
func newReader(t *testing.T, s *server.Server) reader {
	t.Helper()
	c := listen(t, s).as("")
	return c.reader()
}

func (c client) reader() reader {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.http = &http.Client{Transport: c.http.Transport, Jar: jar, CheckRedirect: c.http.CheckRedirect}
	return reader{c}
}

// send sends a form as a browser does.
func (r reader) send(path string, form url.Values, headers ...string) reply {
	r.t.Helper()
	if len(headers) == 0 || !strings.HasPrefix(headers[0], "Sec-") {
		headers = append(headers, "Sec-Fetch-Site: same-origin")
	}
	return r.post(path, form.Encode(), append(headers, "Content-Type: application/x-www-form-urlencoded")...)
}

func form(name, password, to string) url.Values {
	return url.Values{"name": {name}, "password": {password}, "to": {to}}
}

// in signs in an account of add.
func (r reader) in(name string) reader {
	r.t.Helper()
	got := r.send("/sign-in", form(name, "password-of-"+name, ""))
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "./" {
		r.t.Fatalf("%s cannot sign in: %d %s", name, got.status, got.body)
	}
	return r
}

// sees wants a page with these words.
func (r reader) sees(path string, words ...string) {
	r.t.Helper()
	got := r.get(path)
	for _, w := range words {
		if got.status != http.StatusOK || !strings.Contains(got.body, w) {
			r.t.Errorf("%s: %d without %q: %s", path, got.status, w, got.body)
		}
	}
}

// asked wants the form to sign in.
func (r reader) asked(path string, status int) {
	r.t.Helper()
	if got := r.get(path); got.status != status || !strings.Contains(got.body, `action="sign-in"`) || strings.Contains(got.body, "Timeline") {
		r.t.Errorf("%s: %d, want %d and the form: %s", path, got.status, status, got.body)
	}
}

// cookie is that of the session, as it is sent.
func (r reader) cookie() *http.Cookie {
	r.t.Helper()
	at, err := url.Parse(r.url)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range r.http.Jar.Cookies(at) {
		return c
	}
	return &http.Cookie{}
}

// keeps pushes a chunk with one memory, and gives its id.
func keeps(t *testing.T, c client, id, title, content string) string {
	t.Helper()
	chunk := wiretest.NewChunk(fmt.Sprintf(`{"sessions":[],"observations":[{"sync_id":%q,"type":"note","title":%q,"content":%q,"created_at":"2026-10-01 10:00:00"}],"prompts":[]}`, id, title, content))
	c.post("/sync/push", chunk.Envelope(t)).want(t, http.StatusOK, "")
	return chunk.ID().String()
}

// An account reads what it keeps, and what comes meanwhile, and nobody else's.
func TestAccountsReadTheirOwn(t *testing.T) {
	t.Run("in a directory", func(t *testing.T) { readTheirOwn(t, server.Options{}) })
	t.Run("in a database", func(t *testing.T) { readTheirOwn(t, server.Options{Database: pgtest.Database(t)}) })
}

func readTheirOwn(t *testing.T, opts server.Options) {
	t.Helper()
	opts.Pages, opts.Version = true, "9.9"
	s := open(t, opts)
	add(t, s, "alice")
	add(t, s, "bob")
	api := listen(t, s)
	alice, _ := api.signIn("alice", "password-of-alice")
	bob, _ := api.signIn("bob", "password-of-bob")
	chunk := keeps(t, api.as(alice.AccessToken), "o1", "Alpha title", "alpha secret-of-alice")
	keeps(t, api.as(bob.AccessToken), "o2", "Beta title", "beta")

	a, b := newReader(t, s).in("alice"), newReader(t, s).in("bob")
	a.sees("/", "Alpha title", "alice", "engram-sync 9.9", `action="sign-out"`)
	b.sees("/", "Beta title", "bob")
	for _, path := range []string{"/", "/search", "/search?q=alpha", "/search?q=secret*", "/chunk?id=" + chunk, "/memory?id=o1", "/?project=&type=note"} {
		if got := b.get(path); strings.Contains(got.body, "Alpha") || strings.Contains(got.body, "secret-of-alice") {
			t.Errorf("%s shows bob what is alice's: %s", path, got.body)
		}
	}
	a.sees("/chunk?id="+chunk, "secret-of-alice")
	a.sees("/memory?id=o1", "secret-of-alice")
	a.sees("/search?q=alpha", "<mark>Alpha</mark>")
	if got := b.get("/chunk?id=" + chunk); got.status != http.StatusNotFound {
		t.Errorf("bob gets %d for the chunk of alice", got.status)
	}
	keeps(t, api.as(alice.AccessToken), "o3", "Gamma title", "gamma")
	for !strings.Contains(a.get("/search?q=gamma").body, "Gamma title") { // it looks once a second
	}
}

// What 1.9.4 has left of a chunk is shown, and what cannot be is named.
func TestPagesOfOddChunks(t *testing.T) {
	s := open(t, server.Options{Pages: true})
	add(t, s, "alice")
	api := listen(t, s)
	alice, _ := api.signIn("alice", "password-of-alice")
	push := func(id, data string) {
		t.Helper()
		api.as(alice.AccessToken).post("/sync/push", `{"chunk_id":"`+id+`","created_by":"x"`+data+`}`).want(t, http.StatusOK, "")
	}
	push("00000001", `,"data":{"observations":[{"session_id":"s","type":"note","title":"Reduced title","content":"word"}]}`)
	push("00000002", `,"data":{"prompts":[`+strings.Repeat(`{},`, 50_000)+`{}]}`)
	push("00000003", ``)
	push("0000000A", `,"data":{}`)
	tailed := wiretest.NewChunk(`{"observations":[{"sync_id":"tailed","type":"note","title":"Tailed title","content":"word"}]}` + "\n")
	api.as(alice.AccessToken).post("/sync/push", tailed.Envelope(t)).want(t, http.StatusOK, "")
	a := newReader(t, s).in("alice")
	a.sees("/", "Reduced title", "Tailed title", "2 of the chunks cannot be read", "00000002", "too many rows", "00000003")
	a.sees("/chunk?id=00000002", "too many rows")
	a.sees("/chunk?id=00000001", "Reduced title")
	whole := wiretest.NewChunk(`{"observations":[{"sync_id":"whole","type":"note","title":"Whole title","content":"word"}]}`)
	push(whole.ID().String(), `,"data":{"observations":[{"session_id":"s","type":"note","title":"Half title","content":"word"}]}`)
	for !strings.Contains(a.get("/").body, "Half title") {
	}
	api.as(alice.AccessToken).post("/sync/push", whole.Envelope(t)).want(t, http.StatusOK, "")
	text := ""
	for !strings.Contains(text, "Whole title") {
		text = a.get("/").body
	}
	if strings.Contains(text, "Half title") {
		t.Error("what was replaced is still shown")
	}
}

// Signing in is limited and answered as for programs, and leads to where somebody wanted to.
func TestSigningIn(t *testing.T) {
	now := newClock()
	s := open(t, server.Options{Pages: true, Now: now.Now})
	add(t, s, "alice")
	r := newReader(t, s)
	r.asked("/", http.StatusOK)
	r.asked("/memory?id=o1", http.StatusUnauthorized)
	r.asked("/search?q=x", http.StatusUnauthorized)
	if got := r.get("/search?q=a%22b"); !strings.Contains(got.body, `name="to" value="search?q=a%22b"`) {
		t.Error(got.body)
	}
	if got := r.get("/sign-in"); got.status != http.StatusSeeOther || got.header.Get("Location") != "./" {
		t.Errorf("%d %s", got.status, got.header)
	}
	if got := r.get("/style.css"); got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/css") {
		t.Errorf("%d %s", got.status, got.header)
	}
	for to, want := range map[string]string{
		"": "./", "?": "./", "search?q=a+b": "./search?q=a+b", "memory?id=o%2F1": "./memory?id=o%2F1", "?project=x": "./?project=x", "//evil.example": "./", "https://evil.example/": "./",
		"/search": "./", "search/../..": "./", `\\evil.example`: "./", "chunk?id=x\r\nSet-Cookie: a=b": "./chunk?id=x%0D%0ASet-Cookie%3A+a%3Db", "chunk?%zz": "./", "javascript:alert(1)": "./", "sync/pull": "./",
	} {
		got := r.send("/sign-in", form("alice@example.com", "password-of-alice", to))
		if got.status != http.StatusSeeOther || got.header.Get("Location") != want {
			t.Errorf("%q leads to %q (%d)", to, got.header.Get("Location"), got.status)
		}
		now.advance(time.Minute)
	}
	now.advance(time.Minute)
	constant := ""
	for i, f := range []url.Values{form("alice", "wrong", "search?q=kept"), form("nobody", "password-of-alice", "search?q=kept"), form("local", "", "search?q=kept"), {}, form(strings.Repeat("x", 300), "y", ""), form("\xff", "y", "")} {
		got := newReader(t, s).send("/sign-in", f)
		want := http.StatusUnauthorized
		if i >= 2 {
			want = http.StatusBadRequest
		}
		if got.status != want || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%v: %d %s", f, got.status, got.header)
		}
		if i == 0 {
			constant = got.body
		}
		if i == 1 && got.body != constant {
			t.Errorf("a wrong name and a wrong password are told apart: %s", got.body)
		}
	}
	if !strings.Contains(constant, "No account has this name") || !strings.Contains(constant, `value="search?q=kept"`) {
		t.Error(constant)
	}
	for range 2 { // with what programs try it is ten
		listen(t, s).as("").post("/auth/login", `{"identifier":"alice","password":"wrong"}`).want(t, http.StatusUnauthorized, "")
	}
	for i := range 4 {
		got := newReader(t, s).send("/sign-in", form("alice", "password-of-alice", ""))
		if refused := i >= 2; refused != (got.status == http.StatusTooManyRequests) || refused != (got.header.Get("Retry-After") != "") {
			t.Errorf("attempt %d: %d", i+9, got.status)
		}
	}
	now.advance(time.Minute)
	if err := s.SetDisabled(t.Context(), "alice", true); err != nil {
		t.Fatal(err)
	}
	if got := r.send("/sign-in", form("alice", "password-of-alice", "search?q=kept")); got.status != http.StatusUnauthorized || got.body != constant {
		t.Errorf("a disabled account: %d %s", got.status, got.body)
	}
	if got := r.send("/sign-in", url.Values{"name": {strings.Repeat("x", 70_000)}}); got.status != http.StatusBadRequest {
		t.Errorf("a form that is too large: %d", got.status)
	}
}

// A session is a cookie that only a browser sends, only to pages of ours; it is no token, and no token is one.
func TestSessions(t *testing.T) {
	now := newClock()
	s := open(t, server.Options{Pages: true, Now: now.Now})
	add(t, s, "alice")
	api := listen(t, s).as("")
	tokens, key := api.signIn("alice", "password-of-alice")
	r := newReader(t, s)
	got := r.send("/sign-in", form("alice", "password-of-alice", ""))
	set := got.header.Get("Set-Cookie")
	if !strings.Contains(set, "; Max-Age=43200; HttpOnly; SameSite=Strict") || strings.Contains(set, "Path") || strings.Contains(set, "Secure") {
		t.Error(set)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	} {
		for _, path := range []string{"/", "/sign-in", "/memory?id=none", "/style.css"} {
			if got := r.get(path).header.Get(name); got != want {
				t.Errorf("%s of %s is %q", name, path, got)
			}
		}
		if got := api.get("/").header.Get(name); got != want {
			t.Errorf("%s of the form is %q", name, got)
		}
	}
	for _, got := range []reply{api.get("/"), r.get("/")} { // else a browser would say of its forms that they come from nowhere
		if policy := got.header.Get("Referrer-Policy"); policy != "same-origin" {
			t.Error(policy)
		}
	}
	name, session := r.cookie().Name, r.cookie().Value
	r.sees("/", "Timeline")
	api.as(session).get("/sync/pull").want(t, http.StatusUnauthorized, badToken)
	api.post("/auth/refresh", `{"refresh_token":"`+session+`"}`).want(t, http.StatusUnauthorized, "")
	api.do("GET", "/sync/pull", nil, "Cookie: "+name+"="+session).want(t, http.StatusUnauthorized, missing)
	with := func(value string) reply { return api.get("/search", "Cookie: "+name+"="+value) }
	other, _ := signin.NewBearers(nil, signin.NewKey(), now.Now).Issue(store.User{ID: "1", Name: "alice", TokenTag: "t"}, signin.SessionToken, store.Session{})
	for what, value := range map[string]string{
		"an access token": tokens.AccessToken, "a refresh token": tokens.RefreshToken, "a key": key, "nothing": "", "nonsense": "x.y.z", "a cut one": session[:len(session)-2], "one of another server": other,
	} {
		if got := with(value); got.status != http.StatusUnauthorized {
			t.Errorf("%s is a session: %d", what, got.status)
		}
	}
	with("nonsense; "+name+"="+session).want(t, http.StatusOK, "") // of two paths
	api.as(tokens.AccessToken).get("/search").want(t, http.StatusUnauthorized, "")

	for _, headers := range [][]string{{"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site"}, {"Sec-Fetch-Site: ", "Origin: https://evil.example"}, {"Sec-Fetch-Site: ", "Origin: null"}} {
		for _, path := range []string{"/sign-in", "/sign-out"} {
			if got := r.send(path, form("alice", "wrong", ""), headers...); got.status != http.StatusForbidden || got.header.Get("Set-Cookie") != "" {
				t.Errorf("%s with %v: %d %v", path, headers, got.status, got.header)
			}
		}
	}
	for range 10 { // pages from elsewhere use up nobody's attempts
		r.send("/sign-in", form("alice", "wrong", ""), "Sec-Fetch-Site: cross-site")
	}
	newReader(t, s).in("alice")
	r.sees("/", "Timeline")
	for _, path := range []string{"/", "/search", "/chunk", "/memory"} {
		if got := r.send(path, nil); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("a form to %s: %d, %q", path, got.status, got.header.Get("Allow"))
		}
	}
	if got := r.get("/sign-out"); got.status != http.StatusMethodNotAllowed {
		t.Errorf("a link signs out: %d", got.status)
	}
	if got := r.send("/sign-out", nil, "Sec-Fetch-Site: ", "Origin: "+r.url); got.status != http.StatusSeeOther || got.header.Get("Location") != "./" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if r.cookie().Value != "" {
		t.Error("the cookie is still there")
	}
	r.asked("/", http.StatusOK)

	// What ends tokens ends sessions.
	for what, end := range map[string]func() error{
		"signed out everywhere": func() error { return s.SignOut(t.Context(), "alice") },
		"another password":      func() error { return s.SetPassword(t.Context(), "alice", "password-of-alice") },
		"disabled":              func() error { return s.SetDisabled(t.Context(), "alice", true) },
		"12 hours":              func() error { now.advance(12 * time.Hour); return nil },
	} {
		now.advance(time.Minute)
		r.in("alice").sees("/", "Timeline")
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if got := r.get("/search"); got.status != http.StatusUnauthorized {
			t.Errorf("a session is good after: %s", what)
		}
		if err := s.SetDisabled(t.Context(), "alice", false); err != nil {
			t.Fatal(err)
		}
	}
}

// Two servers of one host do not take each other's sessions, whom a browser tells of both.
func TestSessionsOfTwoServers(t *testing.T) {
	a, b := open(t, server.Options{Pages: true}), open(t, server.Options{Pages: true})
	add(t, a, "alice")
	add(t, b, "bob")
	one, other := newReader(t, a), newReader(t, b)
	other.http = one.http // cookies know no port
	one.in("alice").sees("/", "alice")
	other.in("bob").sees("/", "bob")
	one.sees("/", "alice")
	other.send("/sign-out", nil)
	one.sees("/", "alice")
	other.asked("/", http.StatusOK)
}

// A cookie is for TLS only where the request came by it, here or at a proxy that is trusted.
func TestCookiesOverTLS(t *testing.T) {
	for _, c := range []struct {
		proxies bool
		headers []string
		secure  bool
	}{
		{false, nil, false}, {false, []string{"X-Forwarded-Proto: https"}, false}, {true, nil, false}, {true, []string{"X-Forwarded-Proto: http"}, false}, {true, []string{"X-Forwarded-Proto: HTTPS"}, true},
	} {
		opts := server.Options{Pages: true}
		if c.proxies {
			opts.TrustedProxies = loopback
		}
		s := open(t, opts)
		add(t, s, "alice")
		set := newReader(t, s).send("/sign-in", form("alice", "password-of-alice", ""), c.headers...).header.Get("Set-Cookie")
		if strings.Contains(set, "Secure") != c.secure || set == "" {
			t.Errorf("%+v: %s", c, set)
		}
	}
	s := open(t, server.Options{Pages: true})
	add(t, s, "alice")
	hs := httptest.NewTLSServer(s.Handler())
	defer hs.Close()
	c := client{t: t, url: hs.URL, http: hs.Client()}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r := c.reader()
	if set := r.send("/sign-in", form("alice", "password-of-alice", "")).header.Get("Set-Cookie"); !strings.Contains(set, "; Secure") {
		t.Error(set)
	}
	r.sees("/", "Timeline")
}

// An index is a file of its account, made anew where it is no good, and gone with the account.
func TestIndexesOfPages(t *testing.T) {
	dir := t.TempDir()
	s := open(t, server.Options{Pages: true, Dir: dir})
	a, b := add(t, s, "alice"), add(t, s, "bob")
	newReader(t, s).in("alice").sees("/", "There is no chunk")
	newReader(t, s).in("bob").sees("/", "There is no chunk")
	files := func() (names []string) {
		t.Helper()
		entries, err := os.ReadDir(filepath.Join(dir, "pages"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".db") {
				names = append(names, e.Name())
			}
		}
		return names
	}
	both := []string{a.ID + ".db", b.ID + ".db"}
	slices.Sort(both)
	if got := files(); !slices.Equal(got, both) {
		t.Errorf("%v, want %v", got, both)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(filepath.Join(dir, "pages", a.ID+".db"), []byte(strings.Repeat("damage", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, server.Options{Pages: true, Dir: dir})
	newReader(t, s).in("alice").sees("/", "There is no chunk")
	// A command does that, to which nothing of what this process has open is known.
	if runtime.GOOS == "linux" { // where nothing takes no room
		if err := os.Truncate(filepath.Join(dir, "pages", a.ID+".db"), 9<<30); err != nil {
			t.Fatal(err)
		}
	}
	command := open(t, server.Options{Dir: dir})
	if err := command.DeleteUser(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	add(t, s, "carol")
	newReader(t, s).in("carol").sees("/", "There is no chunk") // and it is open
	if err := s.DeleteUser(t.Context(), "carol"); err != nil {
		t.Fatal(err)
	}
	if got := files(); !slices.Equal(got, []string{a.ID + ".db"}) {
		t.Errorf("after bob and carol were deleted: %v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	off := open(t, server.Options{Dir: dir})
	addr, stop := serve(t, off)
	client{t: t, url: "http://" + addr, http: http.DefaultClient}.get("/health").want(t, http.StatusOK, healthy)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pages")); !os.IsNotExist(err) {
		t.Errorf("without pages their indexes are kept: %v", err)
	}
}
