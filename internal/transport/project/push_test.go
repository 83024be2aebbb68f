package project_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// A chunk goes up under the id that the server gives it too, with few escapes,
// and comes down as the same text.
func TestProjectChunksTravel(t *testing.T) {
	s, f := wiretest.ProjectServer(t, projectserver.Options{})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	content := `\u003cb\u003e \u0026 \\u003c \\\u2028 \u2029 é \n \" \\` // as a JSON text
	chunk := wiretest.Part(t, wiretest.Rows(content))
	if err := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open); err != nil {
		t.Fatal(err)
	}
	if ids := s.Chunks("repo"); !slices.Equal(ids, []string{chunk.ID().String()}) {
		t.Errorf("the server has %q, want %s", ids, chunk.ID())
	}
	pushed := f.Requests()[0]
	if !strings.Contains(string(pushed.Body), "<b> & \\\\u003c \\\\\u2028 \u2029 é") || bytes.Contains(pushed.Body, []byte(` \u003c`)) {
		t.Errorf("costly escapes went out: %s", pushed.Body)
	}
	var head map[string]json.RawMessage
	if err := json.Unmarshal(pushed.Body, &head); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"chunk_id": `"` + chunk.ID().String() + `"`, "created_by": `"dev"`, "client_created_at": `"2026-11-22T09:14:58Z"`, "project": `"repo"`,
	} {
		if string(head[name]) != want {
			t.Errorf("%s is %s, want %s", name, head[name], want)
		}
	}
	if text, err := wiretest.PullPart(t, remote, chunk.ID()); err != nil || text != chunk.Text {
		t.Errorf("pulled %v\n%s\nwant\n%s", err, text, chunk.Text)
	}
	if got := f.Whats(); !slices.Equal(got, []string{"GET /sync/pull/" + chunk.ID().String() + "?project=repo"}) {
		t.Errorf("asked %q", got)
	}
	// Again: that is no error, and stores nothing.
	if err := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open); err != nil || len(s.Chunks("repo")) != 1 {
		t.Errorf("the second time: %v", err)
	}
}

// Each confirmed vector takes the whole way: from its data to the wire, to the
// server, and back, under the id that a real server gave it.
func TestVectorsTakeTheWholeWay(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{Projects: []string{"*"}})
	file, err := os.Open(fixtures.CanonicalVectors())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v struct{ Project, Data, ID string }
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		vectorTravels(t, f.URL, v.Project, v.Data, v.ID)
	}
}

func vectorTravels(t *testing.T, url, project, data, id string) {
	t.Helper()
	canonical, err := canon.Of(engram.Gen1).ForPush([]byte(data), project)
	if err != nil {
		t.Fatal(err)
	}
	chunk := wiretest.NewChunk(string(canonical))
	if chunk.ID().String() != id && !strings.Contains(data, "-0") { // which nobody sends (A8)
		t.Errorf("%s in %s: id %s, want %s", data, project, chunk.ID(), id)
	}
	if string(canonical) == "null" {
		return // no chunk: the server takes it by mistake (3.1)
	}
	remote := wiretest.DialProject(t, url, transport.Options{Project: engram.NormalizeProject(project)})
	if err := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open); err != nil {
		t.Errorf("push %s: %v", data, err)
		return
	}
	if text, err := wiretest.PullPart(t, remote, chunk.ID()); err != nil || text != chunk.Text {
		t.Errorf("pulled %v\n%s\nwant\n%s", err, text, chunk.Text)
	}
}

// Each refusal is told from the others, in one line that helps.
func TestProjectServersRefuse(t *testing.T) {
	chunk := wiretest.Part(t, wiretest.Rows("C"))
	for name, tc := range map[string]struct {
		options projectserver.Options
		project string
		chunk   wiretest.Chunk
		before  func(s *projectserver.Server)
		class   error
		code    string
		says    string
	}{
		"a project that it does not know": {project: "nope", class: transport.ErrRefused, code: transport.CodeForbidden, says: `(project "nope")`},
		"a paused project": {before: func(s *projectserver.Server) { s.Pause("repo", true) },
			class: transport.ErrRefused, code: transport.CodePaused, says: `409 sync is paused for project "repo"`},
		"an id that other content has": {before: func(s *projectserver.Server) { s.Plant("repo", chunk.ID().String(), []byte(`{"x": 1}`)) },
			class: transport.ErrRefused, code: transport.CodeChunkConflict, says: "409"},
		"a bad row": {chunk: wiretest.Part(t, `{"sessions":[{"id":"s"}]}`), class: transport.ErrRefused, says: "sessions[0].directory is required"},
		"a session that nobody has": {chunk: wiretest.Part(t, strings.Replace(wiretest.Rows("C"), `"id":"s"`, `"id":"other"`, 1)),
			class: transport.ErrRefused, says: `references missing session_id "s"`},
		"what its database can't hold": {chunk: wiretest.Part(t, wiretest.Rows(`\u0000`)), class: transport.ErrRefused, says: "SQLSTATE 22P05"},
		"too large":                    {options: projectserver.Options{MaxPushBytes: 100}, class: transport.ErrRefused, says: "at most 100 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := wiretest.ProjectServer(t, tc.options)
			if tc.before != nil {
				tc.before(s)
			}
			if tc.chunk.Text == "" {
				tc.chunk = chunk
			}
			err := wiretest.DialProject(t, f.URL, transport.Options{Project: tc.project}).WriteChunk(t.Context(), tc.chunk.Entry, tc.chunk.Open)
			wiretest.OneClass(t, err, tc.class)
			wiretest.OneLine(t, err)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %v, want %q", err, tc.says)
			}
			var status *transport.StatusError
			if tc.code != "" && (!errors.As(err, &status) || status.Code != tc.code) {
				t.Errorf("got %#v", err)
			}
			if got := len(f.Requests()); got != 1 {
				t.Errorf("%d requests", got)
			}
		})
	}
}

// The limit of a server is learnt from its refusal, and then nothing larger is sent.
func TestTheLimitOfAProjectServerIsLearnt(t *testing.T) {
	const limit = 2000
	_, f := wiretest.ProjectServer(t, projectserver.Options{MaxPushBytes: limit})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	envelope := func(n int) wiretest.Chunk { return wiretest.Part(t, wiretest.Rows(strings.Repeat("<", n))) }
	var large *transport.TooLargeError
	first := envelope(2000)
	err := remote.WriteChunk(t.Context(), first.Entry, first.Open)
	if !errors.As(err, &large) || large.ID != first.ID() || large.Limit != limit || len(f.Requests()) != 1 {
		t.Fatalf("got %v", err)
	}
	second := envelope(3000)
	err = remote.WriteChunk(t.Context(), second.Entry, second.Open)
	if !errors.As(err, &large) || large.ID != second.ID() || len(f.Requests()) != 0 {
		t.Errorf("got %v", err)
	}
	wiretest.OneClass(t, err, transport.ErrRefused)
	third := envelope(1000) // whose canonical form is larger than the limit
	if err := remote.WriteChunk(t.Context(), third.Entry, third.Open); err != nil || len(third.Text) < limit {
		t.Errorf("got %v for a chunk of %d bytes", err, len(third.Text))
	}
}

// A chunk that is larger than we hold in memory is refused before a byte is sent,
// and one that is not what its id says too.
func TestChunksThatAreNotSent(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	chunk := wiretest.Part(t, wiretest.Rows("C"))
	err := remote.WriteChunk(t.Context(), chunk.Entry, func() (*engram.Chunk, error) {
		c, err := chunk.Open()
		c.SizeHint = 65 << 20
		return c, err
	})
	wiretest.OneClass(t, err, transport.ErrRefused)
	err = remote.WriteChunk(t.Context(), chunk.Entry, func() (*engram.Chunk, error) {
		return engram.NewChunk(chunk.ID(), io.NopCloser(strings.NewReader(`{"other":1}`)), 1<<20), nil
	})
	wiretest.OneClass(t, err, engram.ErrDamaged)
	own := errors.New("cannot be opened")
	if err := remote.WriteChunk(t.Context(), chunk.Entry, func() (*engram.Chunk, error) { return nil, own }); !errors.Is(err, own) {
		t.Errorf("got %v", err)
	}
	if whats := f.Whats(); len(whats) > 0 {
		t.Errorf("asked %q", whats)
	}
}

// A time that the server would refuse is left out.
func TestOddTimesOfEntries(t *testing.T) {
	s, f := wiretest.ProjectServer(t, projectserver.Options{})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	for i, at := range []string{"", "no time", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2026-01-02 03:04:05", "2026-01-02T03:04:05+02:00"} {
		chunk := wiretest.Part(t, wiretest.Rows(fmt.Sprint(i)))
		chunk.Entry.CreatedAt = at
		if err := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open); err != nil {
			t.Errorf("%q: %v", at, err)
		}
	}
	if n := len(s.Chunks("repo")); n != 6 {
		t.Errorf("%d chunks", n)
	}
}

// losing loses the connection of the first push, after the server has dealt with it or before.
func losing(f *wiretest.Front, after bool) {
	first := true
	f.Instead(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !first {
			return false
		}
		first = false
		if after {
			f.Handler.ServeHTTP(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler)
	})
}

// A lost answer is looked for: what arrived is not sent again.
func TestALostAnswerOfAProjectServer(t *testing.T) {
	for _, after := range []bool{true, false} {
		s, f := wiretest.ProjectServer(t, projectserver.Options{})
		losing(f, after)
		remote := wiretest.DialProject(t, f.URL, transport.Options{SettleFor: 1})
		chunk := wiretest.Part(t, wiretest.Rows("C"))
		err := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open)
		posts := 0
		for _, what := range f.Whats() {
			if strings.HasPrefix(what, "POST") {
				posts++
			}
		}
		if after && (err != nil || posts != 1 || len(s.Chunks("repo")) != 1) {
			t.Errorf("arrived: %v after %d pushes", err, posts)
		}
		if !after { // it may yet arrive, for all we know
			wiretest.OneClass(t, err, transport.ErrOutcomeUnknown)
		}
	}
}

// An answer is believed only if it is the kind's own, and about this chunk.
func TestAnswersOfAPushThatAreNotBelieved(t *testing.T) {
	chunk := wiretest.Part(t, wiretest.Rows("C"))
	id := chunk.ID().String()
	for name, body := range map[string]string{
		"an account server's": `{"status":"accepted","chunk_id":"` + id + `"}`,
		"another id":          `{"status":"ok","chunk_id":"00000000"}`,
		"no id":               `{"status":"ok"}`,
		"no JSON":             `ok`,
		"nothing":             ``,
	} {
		t.Run(name, func(t *testing.T) {
			_, f := wiretest.ProjectServer(t, projectserver.Options{})
			stored := true
			f.Instead(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPost {
					return false
				}
				if stored {
					f.Handler.ServeHTTP(httptest.NewRecorder(), r)
				}
				_, _ = io.WriteString(w, body)
				return true
			})
			remote := wiretest.DialProject(t, f.URL, transport.Options{SettleFor: 1})
			err := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open)
			if name == "an account server's" {
				// Whatever it is, it is not what it was taken for.
				if remote.Kind() != transport.KindUnknown {
					t.Errorf("it still is a %s server", remote.Kind())
				}
				wiretest.OneClass(t, err, transport.ErrOutcomeUnknown)
				return
			}
			if name == "another id" {
				// The server has the last word on that; whoever asked finds out whether it holds.
				if other, ok := errors.AsType[*protocol.OtherIDError](err); !ok || other.ID != chunk.ID() || other.StoredAs().String() != "00000000" {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Errorf("it is stored, and settling says %v", err)
			}
			stored = false
			other := wiretest.Part(t, wiretest.Rows("D"))
			wiretest.OneClass(t, remote.WriteChunk(t.Context(), other.Entry, other.Open), transport.ErrOutcomeUnknown)
		})
	}
}

// A path that the server does not have is a wrong URL, and not a refusal.
func TestAPathThatIsNotThere(t *testing.T) {
	f := wiretest.Listen(t, http.NotFoundHandler())
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	chunk := wiretest.Part(t, wiretest.Rows("C"))
	wiretest.OneClass(t, remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open), transport.ErrNotEngram)
	_, err := wiretest.PullPart(t, remote, chunk.ID())
	wiretest.OneClass(t, err, transport.ErrNotEngram)
}

// Pushes of large chunks at the same time wait for memory, and all get there.
func TestManyLargePushesWaitForMemory(t *testing.T) {
	s, f := wiretest.ProjectServer(t, projectserver.Options{})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	done := make(chan error)
	const n = 10
	for i := range n {
		chunk := wiretest.Part(t, wiretest.Rows(fmt.Sprint(i)))
		open := func() (*engram.Chunk, error) {
			c, err := chunk.Open()
			c.SizeHint = 40 << 20 // as large as it says it is
			return c, err
		}
		go func() { done <- remote.WriteChunk(t.Context(), chunk.Entry, open) }()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := len(s.Chunks("repo")); got != n {
		t.Errorf("%d chunks", got)
	}
}
