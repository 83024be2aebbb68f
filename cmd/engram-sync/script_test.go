package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/engram-sync/engram-sync/internal/server"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"engram-sync": main})
}

// TestScripts runs the stories in testdata/script, each in a directory of its
// own that is also its HOME. Besides testscript's own commands they have:
//
//	fixture VERSION DIR       copy the chunk directory that this engram wrote to DIR/.engram
//	server NAME               start an account server; sets NAME_URL and NAME_TOKEN
//	answer NAME METHOD PATH STATUS TYPE BODY
//	                          from now on the server answers this itself (BODY may be a file); "answer NAME off" ends it
//	header NAME KEY VALUE     adds a header to those answers
//	requests NAME N           the server was asked N times since the last "requests"
//	deadport VAR              sets VAR to the URL of a port that nobody listens on
//	chunkfile DIR JSON-FILE VAR  store the content as a chunk file, whose id it sets VAR to; entry: see manifestfor
//	manifestfor DIR ID...     write a manifest with an entry for each id
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(home, ".local", "state"))
			env.Setenv("XDG_DATA_HOME", filepath.Join(home, ".local", "share"))
			env.Values["servers"] = map[string]*scriptServer{}
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fixture":     cmdFixture,
			"server":      cmdServer,
			"answer":      cmdAnswer,
			"header":      cmdHeader,
			"requests":    cmdRequests,
			"deadport":    cmdDeadPort,
			"chunkfile":   cmdChunkFile,
			"manifestfor": cmdManifestFor,
		},
	})
}

// scriptServer is a real account server behind a listener, with a switch for
// answers that it would not give by itself.
type scriptServer struct {
	handler http.Handler

	mu      sync.Mutex
	asked   int
	answers map[string]scriptAnswer // by method and path
	header  http.Header
}

type scriptAnswer struct {
	status int
	kind   string
	body   string
}

func (s *scriptServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	answer, ok := s.answers[r.Method+" "+r.URL.Path]
	header := s.header.Clone()
	s.mu.Unlock()
	if !ok {
		s.handler.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	for key := range header {
		w.Header().Set(key, header.Get(key))
	}
	w.Header().Set("Content-Type", answer.kind)
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body)
}

func serverOf(ts *testscript.TestScript, name string) *scriptServer {
	s, ok := ts.Value("servers").(map[string]*scriptServer)[name]
	if !ok {
		ts.Fatalf("no server %q", name)
	}
	return s
}

func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: server NAME")
	}
	name := args[0]
	srv, err := server.Open(context.Background(), server.Options{Dir: filepath.Join(ts.MkAbs("."), name+".data")})
	ts.Check(err)
	s := &scriptServer{handler: srv.Handler(), answers: map[string]scriptAnswer{}, header: http.Header{}}
	listener := httptest.NewServer(s)
	ts.Defer(func() {
		listener.Close()
		if err := srv.Close(); err != nil {
			ts.Logf("close %s: %v", name, err)
		}
	})
	ts.Value("servers").(map[string]*scriptServer)[name] = s
	ts.Setenv(name+"_URL", listener.URL)
	ts.Setenv(name+"_TOKEN", register(ts, listener.URL, name))
	s.asked = 0
}

// register makes an account, as any client of the protocol would.
func register(ts *testscript.TestScript, url, name string) string {
	body := fmt.Sprintf(`{"username":%q,"email":"%s@example.com","password":"correct horse"}`, name, name)
	resp, err := http.Post(url+"/auth/register", "application/json", strings.NewReader(body)) //nolint:noctx // a test
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	var result struct {
		AccessToken string `json:"access_token"`
	}
	ts.Check(json.NewDecoder(resp.Body).Decode(&result))
	if result.AccessToken == "" {
		ts.Fatalf("register %s: %s", name, resp.Status)
	}
	return result.AccessToken
}

func cmdAnswer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 6 && (len(args) != 2 || args[1] != "off") {
		ts.Fatalf("usage: answer NAME METHOD PATH STATUS TYPE BODY, or answer NAME off")
	}
	s := serverOf(ts, args[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(args) == 2 {
		clear(s.answers)
		return
	}
	status, err := strconv.Atoi(args[3])
	ts.Check(err)
	body := args[5]
	if text, err := os.ReadFile(ts.MkAbs(body)); err == nil {
		body = string(text)
	}
	s.answers[args[1]+" "+args[2]] = scriptAnswer{status: status, kind: args[4], body: body}
}

func cmdHeader(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: header NAME KEY VALUE")
	}
	s := serverOf(ts, args[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header.Set(args[1], args[2])
}

func cmdRequests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: requests NAME N")
	}
	s := serverOf(ts, args[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strconv.Itoa(s.asked); got != args[1] {
		ts.Fatalf("%s was asked %s times, want %s", args[0], got, args[1])
	}
	s.asked = 0
}

func cmdDeadPort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: deadport VAR")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	ts.Check(err)
	ts.Check(ln.Close())
	ts.Setenv(args[0], "http://"+ln.Addr().String())
}

// fixturesDir is where the real data lies. Scripts run elsewhere.
var fixturesDir = func() string {
	dir, err := filepath.Abs(filepath.Join("..", "..", "testdata", "fixtures"))
	if err != nil {
		panic(err)
	}
	return dir
}()

func cmdFixture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fixture VERSION DIR")
	}
	from := filepath.Join(fixturesDir, "engram-"+args[0], ".engram")
	ts.Check(os.CopyFS(filepath.Join(ts.MkAbs(args[1]), ".engram"), os.DirFS(from)))
}

func cmdChunkFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: chunkfile DIR JSON-FILE VAR")
	}
	content := []byte(strings.TrimSuffix(ts.ReadFile(args[1]), "\n"))
	id := contentID(content)
	ts.Check(writeChunkFile(filepath.Join(ts.MkAbs(args[0]), "chunks", id+".jsonl.gz"), content))
	ts.Setenv(args[2], id)
}

func cmdManifestFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: manifestfor DIR ID...")
	}
	var entries bytes.Buffer
	for i, id := range args[1:] {
		if i > 0 {
			entries.WriteString(",")
		}
		fmt.Fprintf(&entries, `{"id":%q,"created_by":"vm","created_at":"2026-11-22T09:15:00Z","sessions":0,"memories":0,"prompts":0}`, id)
	}
	path := filepath.Join(ts.MkAbs(args[0]), "manifest.json")
	ts.Check(os.WriteFile(path, fmt.Appendf(nil, `{"version":1,"chunks":[%s]}`, entries.String()), 0o644))
}
