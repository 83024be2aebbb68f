package wiretest

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

// Front stands before a real server: it keeps what came, messages with nothing in
// them aside (see Nothing), and answers in the server's place where a test says so.
type Front struct {
	Handler http.Handler
	URL     string

	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request) bool // false: the server answers
	asked  []Asked
}

// Asked is a request that came.
type Asked struct {
	What        string // method and URI
	ContentType string
	Body        []byte
}

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a client that hung up sent what it sent
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.mu.Lock()
	if !Nothing(body) {
		f.asked = append(f.asked, Asked{r.Method + " " + r.RequestURI, r.Header.Get("Content-Type"), body})
	}
	answer := f.answer
	f.mu.Unlock()
	if answer == nil || !answer(w, r) {
		f.Handler.ServeHTTP(w, r)
	}
}

// Nothing says whether a push has nothing in it: the client sends one to see whether a
// refusal is about what was sent.
func Nothing(body []byte) bool {
	return string(body) == "{}" || string(body) == `{"entries":[],"mutations":[]}`
}

// Instead sets who answers from now on; nil is the server.
func (f *Front) Instead(answer func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// Requests gives what came since the last call.
func (f *Front) Requests() []Asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.asked
	f.asked = nil
	return all
}

// Whats are their methods and URIs.
func (f *Front) Whats() []string {
	var all []string
	for _, a := range f.Requests() {
		all = append(all, a.What)
	}
	return all
}

// Listen serves a handler behind a front.
func Listen(t testing.TB, handler http.Handler) *Front {
	t.Helper()
	f := &Front{Handler: handler}
	listener := httptest.NewServer(f)
	t.Cleanup(listener.Close)
	f.URL = listener.URL
	return f
}

// ProjectServer is a project server with the token "secret-token".
func ProjectServer(t testing.TB, opts projectserver.Options) (*projectserver.Server, *Front) {
	t.Helper()
	opts.Token = "secret-token"
	if opts.Projects == nil {
		opts.Projects = []string{"repo"}
	}
	s := projectserver.New(opts)
	return s, Listen(t, s)
}

// AccountServer is an account server whose token the returned function sets.
func AccountServer(t testing.TB) (*Front, Token) {
	t.Helper()
	s := OpenServer(t, server.Options{})
	access, err := s.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return Listen(t, s.Handler()), Token(access)
}

// DialAs makes a transport for the project repo.
func DialAs(t testing.TB, url string, source transport.TokenSource, opts transport.Options) *transport.RemoteTransport {
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

// DialProject makes one that knows that it talks to a project server.
func DialProject(t testing.TB, url string, opts transport.Options) *transport.RemoteTransport {
	t.Helper()
	opts.Known.Kind = transport.KindProject
	return DialAs(t, url, Token("secret-token"), opts)
}

// Kinds remembers what a transport found out.
type Kinds struct {
	mu  sync.Mutex
	All []transport.Kind
}

// Add hears what is known of a server, and keeps the kind where that is news.
func (k *Kinds) Add(facts transport.Facts) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.All); facts.Generation == 0 && (n == 0 || k.All[n-1] != facts.Kind) {
		k.All = append(k.All, facts.Kind)
	}
}

// Part is a chunk in the form of the project repo.
func Part(t testing.TB, text string) Chunk {
	t.Helper()
	canonical, err := canon.Of(engram.Gen1).ForPush([]byte(text), "repo")
	if err != nil {
		t.Fatal(err)
	}
	return NewChunk(string(canonical))
}

// Rows is the text of a chunk with one session and one observation.
func Rows(content string) string {
	return `{"sessions":[{"id":"s","directory":"/w"}],"observations":[{"sync_id":"o","session_id":"s","type":"note","title":"t","scope":"project","content":"` +
		content + `"}],"prompts":[]}`
}

// PullPart reads a chunk.
func PullPart(t testing.TB, remote *transport.RemoteTransport, id engram.ChunkID) (string, error) {
	t.Helper()
	var text string
	_, err := remote.ReadChunk(t.Context(), id, Into(&text))
	return text, err
}

// OpenServer makes an account server of our own on a real database.
func OpenServer(t testing.TB, opts server.Options) *server.Server {
	t.Helper()
	opts.Dir = t.TempDir()
	s, err := server.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// SignIn makes a transport for the account "local" of a server.
func SignIn(t testing.TB, s *server.Server, url string, opts transport.Options) *transport.RemoteTransport {
	t.Helper()
	access, err := s.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	remote, err := transport.NewRemoteTransport(url, Token(access), opts)
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

// The ways to reach a server of our own.
func Reach(t testing.TB) map[string]*transport.RemoteTransport {
	t.Helper()
	s := OpenServer(t, server.Options{})
	listener := httptest.NewServer(s.Handler())
	t.Cleanup(listener.Close)
	inside := OpenServer(t, server.Options{})
	return map[string]*transport.RemoteTransport{
		"listener":   SignIn(t, s, listener.URL, transport.Options{}),
		"in process": SignIn(t, inside, "http://localhost", transport.Options{Base: inside.InProcess()}),
	}
}
