package cli

import (
	"bytes"
	"cmp"
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

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

// scriptServer is a real account server behind a listener, with switches for
// answers that it would not give by itself, and for lost connections.
type scriptServer struct {
	handler http.Handler

	mu      sync.Mutex
	asked   int
	counts  map[string]int          // by method and path
	answers map[string]scriptAnswer // by method and path
	cuts    map[string]*scriptCut   // by method and path
	header  http.Header
}

type scriptAnswer struct {
	status int
	kind   string
	body   string
	toAll  bool // to messages with nothing in them too
}

// scriptCut is how often a connection is still to be lost, and when.
type scriptCut struct {
	left  int
	after bool // the server has seen and handled the request
}

func newScriptServer(handler http.Handler) *scriptServer {
	return &scriptServer{
		handler: handler, counts: map[string]int{}, answers: map[string]scriptAnswer{},
		cuts: map[string]*scriptCut{}, header: http.Header{},
	}
}

func (s *scriptServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.Method + " " + r.URL.Path
	s.mu.Lock()
	s.asked++
	s.counts[what]++
	answer, answered := s.answers[what]
	cut, header := s.takeCut(what), s.header.Clone()
	s.mu.Unlock()
	switch {
	case cut != nil:
		s.lose(r, cut.after)
	case answered:
		sent, _ := io.ReadAll(r.Body) // a client that hung up sent what it sent
		if wiretest.Nothing(sent) && !answer.toAll {
			r.Body = io.NopCloser(bytes.NewReader(sent))
			s.handler.ServeHTTP(w, r)
			return
		}
		for key := range header {
			w.Header().Set(key, header.Get(key))
		}
		w.Header().Set("Content-Type", answer.kind)
		w.WriteHeader(answer.status)
		_, _ = io.WriteString(w, answer.body)
	default:
		s.handler.ServeHTTP(w, r)
	}
}

// takeCut gives the cut that this request is for, if any. The caller holds the lock.
func (s *scriptServer) takeCut(what string) *scriptCut {
	cut := s.cuts[what]
	if cut == nil || cut.left == 0 {
		return nil
	}
	cut.left--
	return cut
}

// lose ends the connection of a request that was read whole.
func (s *scriptServer) lose(r *http.Request, after bool) {
	if after {
		s.handler.ServeHTTP(httptest.NewRecorder(), r)
	} else {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	panic(http.ErrAbortHandler)
}

func serverOf(ts *testscript.TestScript, name string) *scriptServer {
	s, ok := ts.Value("servers").(map[string]*scriptServer)[name]
	if !ok {
		ts.Fatalf("no server %q", name)
	}
	return s
}

func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: server NAME [DIR|URL]")
	}
	if ts.Getenv("PROTOCOL") == "project" {
		startProjectServer(ts, args[0], projectserver.Options{Token: args[0] + "-secret-token", Projects: []string{"repo"}})
		return
	}
	name := args[0]
	opts := server.Options{Dir: filepath.Join(ts.MkAbs("."), name+".data")}
	if database, ok := ts.Value("database").(func() string); ok && len(args) == 1 {
		opts.Database = database()
	}
	if len(args) == 2 {
		if strings.Contains(args[1], "://") {
			opts.Database = args[1]
		} else {
			opts.Dir = ts.MkAbs(args[1])
		}
	}
	ts.Setenv(name+"_PLACE", cmp.Or(opts.Database, opts.Dir))
	srv, err := server.Open(context.Background(), opts)
	ts.Check(err)
	s := listenFor(ts, name, srv.Handler())
	ts.Defer(func() {
		if err := srv.Close(); err != nil {
			ts.Logf("close %s: %v", name, err)
		}
	})
	token, err := registerUser(ts.Getenv(name+"_URL"), name)
	ts.Check(err)
	ts.Setenv(name+"_TOKEN", token)
	s.forgetCounts()
}

// listenFor puts a listener before a handler, and tells the story where.
func listenFor(ts *testscript.TestScript, name string, handler http.Handler) *scriptServer {
	s := newScriptServer(handler)
	listener := httptest.NewServer(s)
	ts.Defer(listener.Close)
	ts.Value("servers").(map[string]*scriptServer)[name] = s
	ts.Setenv(name+"_URL", listener.URL)
	return s
}

func (s *scriptServer) forgetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = 0
	clear(s.counts)
}

// registerUser makes an account, as any client of the protocol would.
func registerUser(url, name string) (token string, err error) {
	return tokenFor(url+"/auth/register", fmt.Sprintf(`{"username":%q,"email":"%s@example.com","password":"correct horse"}`, name, name))
}

func tokenFor(url, body string) (token string, err error) {
	resp, err := http.Post(url, "application/json", strings.NewReader(body)) //nolint:noctx // a test
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var result struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&result); err != nil {
		return "", err
	}
	if result.AccessToken == "" {
		return "", fmt.Errorf("%s: %s", url, resp.Status)
	}
	return result.AccessToken, nil
}

func cmdAnswer(ts *testscript.TestScript, neg bool, args []string) {
	toAll := len(args) == 7 && args[6] == "all"
	if neg || len(args) != 6 && !toAll && (len(args) != 2 || args[1] != "off") {
		ts.Fatalf("usage: answer NAME METHOD PATH STATUS TYPE BODY [all], or answer NAME off")
	}
	s := serverOf(ts, args[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(args) == 2 {
		clear(s.answers)
		clear(s.header)
		return
	}
	status, err := strconv.Atoi(args[3])
	ts.Check(err)
	body := args[5]
	if text, err := os.ReadFile(ts.MkAbs(body)); err == nil {
		body = os.Expand(string(text), ts.Getenv)
	}
	s.answers[args[1]+" "+args[2]] = scriptAnswer{status: status, kind: args[4], body: body, toAll: toAll}
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

func cmdCut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 || args[3] != "before" && args[3] != "after" {
		ts.Fatalf("usage: cut NAME METHOD PATH before|after N")
	}
	n, err := strconv.Atoi(args[4])
	ts.Check(err)
	s := serverOf(ts, args[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cuts[args[1]+" "+args[2]] = &scriptCut{left: n, after: args[3] == "after"}
}

func cmdRequests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 && len(args) != 4 {
		ts.Fatalf("usage: requests NAME N [METHOD PATH]")
	}
	s := serverOf(ts, args[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	got, what := s.asked, "anything"
	if len(args) == 4 {
		what = args[2] + " " + args[3]
		got = s.counts[what]
	}
	if strconv.Itoa(got) != args[1] {
		ts.Fatalf("%s was asked for %s %d times, want %s", args[0], what, got, args[1])
	}
	if len(args) == 2 {
		s.asked = 0
		clear(s.counts)
	}
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

func cmdOldClient(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: oldclient NAME DIR")
	}
	dir, err := chunkdir.Open(filepath.Join(ts.MkAbs(args[1]), ".engram"), chunkdir.Options{})
	ts.Check(err)
	m, err := dir.ReadManifest(context.Background())
	ts.Check(err)
	for _, e := range m.Entries() {
		chunk, err := dir.OpenChunk(e.ID)
		ts.Check(err)
		content, err := io.ReadAll(chunk)
		ts.Check(err)
		ts.Check(chunk.Close())
		reduced, err := wiretest.Reduce(content)
		ts.Check(err)
		body := fmt.Sprintf(`{"chunk_id":%q,"created_by":%q,"data":%s}`, e.ID, e.CreatedBy, reduced)
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/sync/push", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+ts.Getenv(args[0]+"_TOKEN"))
		w := httptest.NewRecorder()
		serverOf(ts, args[0]).handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			ts.Fatalf("push %s: %d %s", e.ID, w.Code, w.Body)
		}
	}
}
