package transport_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// front stands before a real server: it keeps what came, and answers in the
// server's place where a test says so.
type front struct {
	handler http.Handler
	url     string

	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request) bool // false: the server answers
	asked  []asked
}

// asked is a request that came.
type asked struct {
	what        string // method and URI
	contentType string
	body        []byte
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a client that hung up sent what it sent
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.mu.Lock()
	f.asked = append(f.asked, asked{r.Method + " " + r.RequestURI, r.Header.Get("Content-Type"), body})
	answer := f.answer
	f.mu.Unlock()
	if answer == nil || !answer(w, r) {
		f.handler.ServeHTTP(w, r)
	}
}

// instead sets who answers from now on; nil is the server.
func (f *front) instead(answer func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// requests gives what came since the last call.
func (f *front) requests() []asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.asked
	f.asked = nil
	return all
}

// whats are their methods and URIs.
func (f *front) whats() []string {
	var all []string
	for _, a := range f.requests() {
		all = append(all, a.what)
	}
	return all
}

func listen(t testing.TB, handler http.Handler) *front {
	t.Helper()
	f := &front{handler: handler}
	listener := httptest.NewServer(f)
	t.Cleanup(listener.Close)
	f.url = listener.URL
	return f
}

// projectServer is a project server with the token "secret-token".
func projectServer(t testing.TB, opts projectserver.Options) (*projectserver.Server, *front) {
	t.Helper()
	opts.Token = "secret-token"
	if opts.Projects == nil {
		opts.Projects = []string{"repo"}
	}
	s := projectserver.New(opts)
	return s, listen(t, s)
}

// accountServer is an account server whose token the returned function sets.
func accountServer(t testing.TB) (*front, token) {
	t.Helper()
	s := openServer(t, server.Options{})
	access, err := s.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return listen(t, s.Handler()), token(access)
}

// dialAs makes a transport for the project repo.
func dialAs(t testing.TB, url string, source transport.TokenSource, opts transport.Options) *transport.RemoteTransport {
	t.Helper()
	if opts.Project == "" {
		opts.Project = "repo"
	}
	remote, err := transport.NewRemoteTransport(url, source, opts)
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

// dialProject makes one that knows that it talks to a project server.
func dialProject(t testing.TB, url string, opts transport.Options) *transport.RemoteTransport {
	t.Helper()
	opts.Kind = transport.KindProject
	return dialAs(t, url, token("secret-token"), opts)
}

// kinds remembers what a transport found out.
type kinds struct {
	mu  sync.Mutex
	all []transport.Kind
}

func (k *kinds) add(kind transport.Kind) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, kind)
}

// part is a chunk in the form of the project repo.
func part(t testing.TB, text string) testChunk {
	t.Helper()
	canonical, err := canon.ForPush([]byte(text), "repo")
	if err != nil {
		t.Fatal(err)
	}
	return newTestChunk(string(canonical))
}

// rows is the text of a chunk with one session and one observation.
func rows(content string) string {
	return `{"sessions":[{"id":"s","directory":"/w"}],"observations":[{"sync_id":"o","session_id":"s","type":"note","title":"t","scope":"project","content":"` +
		content + `"}],"prompts":[]}`
}

// pullPart reads a chunk.
func pullPart(t testing.TB, remote *transport.RemoteTransport, id engram.ChunkID) (string, error) {
	t.Helper()
	var text string
	_, err := remote.ReadChunk(t.Context(), id, into(&text))
	return text, err
}
