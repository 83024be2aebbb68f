package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// user is somebody with a home directory, a token and a remote, who runs
// engram-sync as processes of its own.
type user struct {
	t     *testing.T
	env   []string
	home  string
	where string
}

func newUser(t *testing.T, remote, token string) *user {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	u := &user{t: t, home: home, where: t.TempDir(), env: []string{
		"PATH=" + os.Getenv("PATH"), "ENGRAM_SYNC_REMOTE=" + remote, "ENGRAM_SYNC_TOKEN=" + token,
	}}
	for key, value := range homeAt(home) {
		u.env = append(u.env, key+"="+value)
	}
	return u
}

// command is a command line that has not been started.
func (u *user) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(u.t.Context(), "engram-sync", args...)
	cmd.Dir, cmd.Env = u.where, u.env
	return cmd
}

// run runs a command line to its end, which must have the code. It gives stdout
// and stderr.
func (u *user) run(code int, args ...string) (stdout, stderr string) {
	u.t.Helper()
	cmd := u.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		u.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		u.t.Fatalf("engram-sync %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// watchedServer is a server that a test looks at from the inside.
type watchedServer struct {
	url, token string

	handler http.Handler
	mu      sync.Mutex
	before  func(*http.Request) // runs before each request is handled
	after   func(*http.Request) // and after that
	pushes  map[string]int      // by chunk id: how often it was accepted
	conns   map[net.Conn]bool
	gone    sync.Cond // a connection has ended
}

// newWatchedServer starts a real account server.
func newWatchedServer(t *testing.T) *watchedServer {
	t.Helper()
	srv, err := server.Open(t.Context(), server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	token, err := srv.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the listener
		if err := srv.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	return watched(t, srv.Handler(), token)
}

// newWatchedProject starts a project server for the project repo.
func newWatchedProject(t *testing.T) *watchedServer {
	t.Helper()
	return watched(t, projectserver.New(projectserver.Options{Token: "secret-token", Projects: []string{"repo"}}), "secret-token")
}

func watched(t *testing.T, handler http.Handler, token string) *watchedServer {
	t.Helper()
	s := &watchedServer{handler: handler, token: token, pushes: map[string]int{}, conns: map[net.Conn]bool{}}
	s.gone.L = &s.mu
	listener := httptest.NewUnstartedServer(s)
	listener.Config.ConnState = s.count
	listener.Start()
	s.url = listener.URL
	t.Cleanup(func() {
		listener.CloseClientConnections()
		listener.Close()
	})
	return s
}

// count knows the connections that are open.
func (s *watchedServer) count(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, c)
		s.gone.Broadcast()
	}
}

// settle returns when the server is done with whatever clients that are gone
// have sent: it still works on what lay in their connections.
func (s *watchedServer) settle() {
	http.DefaultClient.CloseIdleConnections()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.conns) > 0 {
		s.gone.Wait()
	}
}

// watch sets what runs around each request from now on; nil is nothing.
func (s *watchedServer) watch(before, after func(*http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

func (s *watchedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil {
		before(r)
	}
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, r)
	s.note(r, answer)
	if after != nil {
		after(r)
	}
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client may be gone
}

// note counts accepted pushes.
func (s *watchedServer) note(r *http.Request, answer *httptest.ResponseRecorder) {
	if r.Method != http.MethodPost || answer.Code != http.StatusOK {
		return
	}
	var result struct {
		ChunkID string `json:"chunk_id"`
	}
	if json.Unmarshal(answer.Body.Bytes(), &result) == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pushes[result.ChunkID]++
	}
}

// accepted is how often each chunk was accepted.
func (s *watchedServer) accepted() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{}
	for id, n := range s.pushes {
		counts[id] = n
	}
	return counts
}

// chunkRequest says whether somebody asks for one chunk.
func chunkRequest(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/sync/pull/")
}

func pushRequest(r *http.Request) bool { return r.Method == http.MethodPost }

// makeChunks fills a chunk directory with n chunks of about size bytes.
func makeChunks(t *testing.T, dir string, n, size int) {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		before := fmt.Sprintf(`{"sessions":[],"observations":[],"prompts":[],"number":%d,"filler":"`, i)
		id, err := storeChunk(dir, slicesOf(before, size, `"}`))
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id
	}
	if err := storeManifest(dir, ids); err != nil {
		t.Fatal(err)
	}
}

// contentsOf gives the uncompressed content of each chunk file in a directory,
// and fails if one does not hash to its name, or if the manifest names a chunk
// that has no file. A directory that is not there is empty.
func contentsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	contents := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "chunks", "*.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		id := strings.TrimSuffix(filepath.Base(path), ".jsonl.gz")
		content, err := readChunkFile(path)
		if err != nil {
			t.Fatalf("chunk file %s: %v", id, err)
		}
		if actual := contentID(content); actual != id {
			t.Fatalf("chunk file %s hashes to %s", id, actual)
		}
		contents[id] = string(content)
	}
	for _, id := range listed(t, dir) {
		if _, ok := contents[id]; !ok {
			t.Fatalf("the manifest names %s, which has no file", id)
		}
	}
	return contents
}

// listed are the ids in a manifest, which must be whole if it is there.
func listed(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Chunks []struct{ ID string } }
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("the manifest: %v\n%s", err, text)
	}
	ids := make([]string, len(m.Chunks))
	for i, c := range m.Chunks {
		ids[i] = c.ID
	}
	return ids
}

// leftovers are the temporary files in a chunk directory.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{".*.tmp", filepath.Join("chunks", ".*.tmp")} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	return found
}

func wantLine(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("no %q in:\n%s", want, text)
	}
}
