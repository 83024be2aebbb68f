//go:build unix

package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/adrg/xdg"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// TestLeaks lets a server repeat what it is sent in secret, in every place of an answer,
// to every command that talks to one, with tokens from everywhere: nothing of a secret, nor
// its first eight characters, may be said, in any voice, or stay in a file of ours. The
// short form takes each place once; ENGRAM_SYNC_TEST_LEAKS=all (make leaks) takes each
// with each command.
func TestLeaks(t *testing.T) {
	skipLong(t)
	l := newLeaks(t)
	places := slices.Sorted(maps.Keys(shapes()))
	var commands []leakCommand
	for _, c := range leakCommands {
		for _, source := range c.sources {
			c.sources = []string{source}
			commands = append(commands, c)
		}
	}
	whole := os.Getenv("ENGRAM_SYNC_TEST_LEAKS") == "all"
	began := time.Now()
	for i, place := range places {
		for j, c := range commands {
			for at := 1; at <= c.requests; at++ {
				if !whole && (i%len(commands) != j || at != 1+i/len(commands)%c.requests) {
					continue
				}
				l.one(place, c, at, voices[(i+j+at)%len(voices)])
			}
		}
	}
	t.Logf("%d runs in %s: %d places, %d commands with their tokens, %d of the runs said something that had to be taken out; %d leaks",
		l.runs, time.Since(began).Round(time.Second), len(places), len(commands), l.taken, l.leaks)
	if l.taken == 0 {
		t.Error("no server's words were ever repeated: the test shows nothing")
	}
}

// What comes behind an answer, net/http tells the standard logger. Without -v nobody
// reads it, and with it as one of our lines: it is JSON where all is JSON.
func TestTheStandardLoggerTalksAsWeDo(t *testing.T) {
	const token = "eng_0123456789abcdef0123456789abcdef"
	for _, voice := range [][]string{{}, {"-q"}, {"--json"}, {"-v"}, {"-v", "--json"}, {"-v", "--log-format", "github"}} {
		honest := projectserver.New(projectserver.Options{Token: token, Projects: []string{"repo"}})
		e := newEcho(t, honest, 2, shapes()["behind the answer"])
		u := newUser(t, e.url, token)
		keep(t, filepath.Join(u.where, ".engram"), memoryChunk("me", 1))
		_, errs := u.run(0, append([]string{"push", "--project", "repo"}, voice...)...)
		e.close()
		if told := strings.Contains(errs, "Unsolicited response"); strings.Contains(errs, token[:8]) || told != slices.Contains(voice, "-v") {
			t.Errorf("%q: %s", voice, errs)
		}
		for line := range strings.Lines(errs) {
			if slices.Contains(voice, "--json") && !json.Valid([]byte(line)) {
				t.Errorf("%q: no JSON: %s", voice, line)
			}
		}
	}
}

// A proxy gets a password of its own, which is no more its own to tell.
func TestAProxysPasswordIsNotRepeated(t *testing.T) {
	const token, password = "tok_27182818284590452353602874713527", "prx!31415926"
	basic := base64.StdEncoding.EncodeToString([]byte("ana:" + password))
	taken := 0
	for _, place := range []string{"status line", "status", "header without a colon", "JSON of a 403", "text of a 401", "HTML", "location, path, 302 Found", "both ways at once", "malformed informational"} {
		for _, remote := range []string{"http://engram.invalid", "https://engram.invalid"} {
			e := newEcho(t, http.NotFoundHandler(), 1, shapes()[place])
			u := newUser(t, remote, token)
			proxy := strings.Replace(e.url, "http://", "http://ana:"+url.QueryEscape(password)+"@", 1)
			u.env = append(u.env, "HTTP_PROXY="+proxy, "HTTPS_PROXY="+proxy)
			said := u.toldOf([]string{"manifest", "-v", "--insecure-http", "--retries", "0", "--timeout", "2s"})
			e.close()
			if e.heard == 0 {
				t.Errorf("%s: the proxy was not asked: %s", place, said)
			}
			for _, secret := range []string{token, password, url.QueryEscape(password), basic} {
				if strings.Contains(said, secret[:8]) {
					t.Errorf("%s, %s: %s", place, remote, said)
				}
			}
			if strings.Contains(said, "***") {
				taken++
			}
		}
	}
	if taken == 0 {
		t.Error("nothing was ever repeated: the test shows nothing")
	}
}

// leakCommand is a command that talks to a server.
type leakCommand struct {
	words    string // DIR and FILE are replaced
	stdin    string
	kind     string // of server
	sources  []string
	requests int // how many of its requests are tried
}

const leakPassword = `pl"4nted <correct> horse&`

var (
	voices       = [][]string{{}, {"-v"}, {"--json"}, {"-q"}, {"-v", "--log-format", "json"}, {"-q", "--json"}, {"-v", "--json"}, {"-v", "--log-format", "github"}}
	anyToken     = []string{"environment", "token_command", "file", "refresh", "key"}
	leakCommands = []leakCommand{
		{words: "push --dir DIR", kind: "account", sources: anyToken, requests: 3},
		{words: "pull --dir NEW", kind: "account", sources: anyToken, requests: 3},
		{words: "sync --dir DIR", kind: "account", sources: []string{"environment", "refresh"}, requests: 3},
		{words: "status --dir DIR", kind: "account", sources: []string{"environment", "file"}, requests: 2},
		{words: "manifest", kind: "account", sources: []string{"key"}, requests: 1},
		{words: "verify --remote --dir DIR", kind: "account", sources: []string{"environment"}, requests: 2},
		{words: "search --remote work --dir DIR memory", kind: "account", sources: []string{"environment"}, requests: 2},
		{words: "mutations push FILE", kind: "account", sources: anyToken, requests: 3},
		{words: "mutations pull -o OUT", kind: "account", sources: []string{"token_command", "refresh"}, requests: 3},
		{words: "doctor --dir DIR --bundle OUT", kind: "account", sources: []string{"environment", "refresh"}, requests: 2},
		{words: "auth status", kind: "account", sources: []string{"file", "refresh"}, requests: 2},
		{words: "auth refresh", kind: "account", sources: []string{"file"}, requests: 1},
		{words: "auth api-key create --store", kind: "account", sources: []string{"file"}, requests: 1},
		{words: "auth api-key revoke", kind: "account", sources: []string{"key"}, requests: 1},
		{words: "login --identifier ana --password-stdin", stdin: leakPassword, kind: "account", sources: []string{"none"}, requests: 1},
		{words: "auth register --username ANY --email ANY@x --password-stdin", stdin: leakPassword, kind: "account", sources: []string{"none"}, requests: 1},
		{words: "login --token-stdin", stdin: "TOKEN", kind: "account", sources: []string{"none"}, requests: 1},
		{words: "push --dir DIR --project repo", kind: "project", sources: []string{"environment", "token_command", "file"}, requests: 4},
		{words: "pull --dir NEW --project repo", kind: "project", sources: []string{"environment"}, requests: 4},
		{words: "sync --dir DIR --project repo", kind: "project", sources: []string{"token_command"}, requests: 4},
		{words: "status --dir DIR --project repo", kind: "project", sources: []string{"engram"}, requests: 2},
		{words: "doctor --dir DIR --project repo", kind: "project", sources: []string{"environment"}, requests: 4},
		{words: "mutations push FILE --project repo", kind: "project", sources: []string{"environment", "engram"}, requests: 4},
		{words: "mutations pull -o OUT --project repo", kind: "project", sources: []string{"environment"}, requests: 3},
		{words: "login --token-stdin", stdin: "TOKEN", kind: "project", sources: []string{"none"}, requests: 2},
	}
)

// leaks is the honest servers, and what is secret there.
type leaks struct {
	*testing.T
	account              http.Handler
	access, refresh, key string
	runs, taken, leaks   int
}

const projectToken = "prj-31415926535897932384626433832795"

func newLeaks(t *testing.T) *leaks {
	srv, err := server.Open(t.Context(), server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	l := &leaks{T: t, account: srv.Handler()}
	said := l.ask("POST", "/auth/register", "", `{"username":"ana","email":"ana@x","password":`+jsonText(leakPassword)+`}`)
	l.access, l.refresh = said["access_token"], said["refresh_token"]
	l.key = l.ask("POST", "/auth/api-key", l.access, "")["api_key"]
	if l.access == "" || l.refresh == "" || l.key == "" {
		t.Fatal("the server gives no tokens")
	}
	return l
}

// ask asks the account server itself.
func (l *leaks) ask(method, path, token, body string) map[string]string {
	req := httptest.NewRequestWithContext(l.Context(), method, path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	l.account.ServeHTTP(rec, req)
	var doc map[string]string
	_ = json.Unmarshal(rec.Body.Bytes(), &doc) // the caller sees what is missing
	return doc
}

// one is one run.
func (l *leaks) one(place string, c leakCommand, at int, voice []string) {
	l.runs++
	story := fmt.Sprintf("%s of answer %d to %s with a token from %s, %v", place, at, c.words, c.sources[0], voice)
	honest, token := l.account, l.access
	if c.kind == "project" {
		honest, token = projectserver.New(projectserver.Options{Token: projectToken, Projects: []string{"repo"}}), projectToken
	}
	if c.sources[0] == "key" {
		token = l.key
	}
	e := newEcho(l.T, honest, at, shapes()[place])
	home := l.TempDir()
	environ := l.live(home, e.url, c, token)
	words := strings.Fields(strings.NewReplacer("DIR", filepath.Join(home, ".engram"), "NEW", filepath.Join(home, "new"), "FILE", filepath.Join(home, "rows.jsonl"),
		"OUT", filepath.Join(home, "out.jsonl"), "ANY", fmt.Sprintf("user%d", l.runs)).Replace(c.words))

	var out, errs lockedBuffer
	term := terminal.New(strings.NewReader(strings.ReplaceAll(c.stdin, "TOKEN", token)), &out, &errs)
	ctx, cancel := context.WithTimeout(l.Context(), 2*time.Second)
	run(ctx, term, workspace.New(term, environ, "test"), slices.Concat(words, voice, []string{"--retries", "0", "--timeout", "1s"}))
	cancel()
	e.close()

	secrets := append(e.minted, l.access, l.refresh, l.key, leakPassword, projectToken)
	said := out.String() + errs.String()
	if strings.Contains(said, "***") {
		l.taken++
	}
	l.look(story, said, secrets)
	l.files(story, filepath.Join(home, "state"), secrets)
}

// live gives a user what they have before the run, and their environment.
func (l *leaks) live(home, remote string, c leakCommand, token string) []string {
	l.check(storeManifestOf(filepath.Join(home, ".engram"), l.runs))
	l.check(os.WriteFile(filepath.Join(home, "rows.jsonl"), fmt.Appendf(nil,
		`{"entity":"session","entity_key":"s-%[1]d","op":"upsert","payload":{"id":"s-%[1]d","project":"repo","directory":"/w"}}`+"\n", l.runs), 0o600))
	dirs := map[string]string{"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, "config"), "XDG_STATE_HOME": filepath.Join(home, "state"), "XDG_DATA_HOME": filepath.Join(home, "data")}
	var environ []string
	for name, dir := range dirs {
		l.Setenv(name, dir)
		environ = append(environ, name+"="+dir)
	}
	xdg.Reload()
	set := func(name, value string) { environ = append(environ, name+"="+value) }
	set("PATH", os.Getenv("PATH"))
	set("ENGRAM_SYNC_CREDENTIAL_STORE", "file")
	if c.sources[0] != "engram" {
		set("ENGRAM_SYNC_REMOTE", "work")
	}
	settings := "remotes:\n  work:\n    url: " + remote + "\n"
	tokens := auth.Credentials{Access: token}
	switch c.sources[0] {
	case "environment", "key":
		set("ENGRAM_SYNC_TOKEN", token)
	case "engram":
		set("ENGRAM_CLOUD_SERVER", remote)
		set("ENGRAM_CLOUD_TOKEN", token)
	case "token_command":
		l.check(os.WriteFile(filepath.Join(home, "token"), []byte(token+"\n"), 0o600))
		settings += "    token_command: [cat, " + filepath.Join(home, "token") + "]\n"
	case "refresh":
		claims := fmt.Sprintf(`{"iat":1,"exp":%d,"n":%d}`, time.Now().Unix()-5, l.runs)
		tokens = auth.Credentials{Access: "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl", Refresh: l.refresh}
		fallthrough
	case "file":
		account := auth.Account{BaseURL: remote, Name: "ana", Store: auth.StoreFile}
		l.check(auth.NewLogins(state.Dir(), auth.NewFile(state.Dir())).Add(l.Context(), account, tokens))
	}
	l.check(os.MkdirAll(filepath.Join(home, "config", "engram-sync"), 0o700))
	l.check(os.WriteFile(filepath.Join(home, "config", "engram-sync", "config.yaml"), []byte(settings), 0o600))
	return environ
}

// storeManifestOf makes a chunk directory with one chunk that nobody has.
func storeManifestOf(dir string, n int) error {
	id, err := storeChunk(dir, memoryChunk("me", n))
	if err != nil {
		return err
	}
	return storeManifest(dir, []string{id})
}

func (l *leaks) check(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// look finds beginnings of secrets, as they are and as others write them.
func (l *leaks) look(story, text string, secrets []string) {
	for _, secret := range secrets {
		for _, form := range []string{secret, strings.Trim(jsonText(secret), `"`), strings.Trim(strconv.Quote(secret), `"`), url.QueryEscape(secret), url.PathEscape(secret)} {
			if strings.Contains(text, form[:min(len(form), 10)]) || strings.Contains(text, secret[:8]) {
				l.leaks++
				l.Errorf("%s:\n%s", story, text)
				return
			}
		}
	}
}

// files looks into what is kept, save for the credentials.
func (l *leaks) files(story, dir string, secrets []string) {
	l.check(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && (!entry.Type().IsRegular() || entry.Name() == "credentials.json") {
			return nil
		}
		text, err := os.ReadFile(path)
		l.look(story+": in "+path, string(text), secrets)
		return err
	}))
}

// lockedBuffer is written to by what a run leaves behind, too.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
