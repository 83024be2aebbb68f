package transport_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
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

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/transport"
)

const compressedEnvelope = "application/vnd.engram.sync+gzip; version=1"

// A chunk goes up under the id that the server gives it too, with few escapes,
// and comes down as the same text.
func TestProjectChunksTravel(t *testing.T) {
	s, f := projectServer(t, projectserver.Options{})
	remote := dialProject(t, f.url, transport.Options{})
	content := `\u003cb\u003e \u0026 \\u003c \\\u2028 \u2029 é \n \" \\` // as a JSON text
	chunk := part(t, rows(content))
	if err := remote.WriteChunk(t.Context(), chunk.entry, chunk.open); err != nil {
		t.Fatal(err)
	}
	if ids := s.Chunks("repo"); !slices.Equal(ids, []string{chunk.id().String()}) {
		t.Errorf("the server has %q, want %s", ids, chunk.id())
	}
	pushed := f.requests()[0]
	if !strings.Contains(string(pushed.body), "<b> & \\\\u003c \\\\\u2028 \u2029 é") || bytes.Contains(pushed.body, []byte(` \u003c`)) {
		t.Errorf("costly escapes went out: %s", pushed.body)
	}
	var head map[string]json.RawMessage
	if err := json.Unmarshal(pushed.body, &head); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"chunk_id": `"` + chunk.id().String() + `"`, "created_by": `"dev"`, "client_created_at": `"2026-11-22T09:14:58Z"`, "project": `"repo"`,
	} {
		if string(head[name]) != want {
			t.Errorf("%s is %s, want %s", name, head[name], want)
		}
	}
	if text, err := pullPart(t, remote, chunk.id()); err != nil || text != chunk.text {
		t.Errorf("pulled %v\n%s\nwant\n%s", err, text, chunk.text)
	}
	if got := f.whats(); !slices.Equal(got, []string{"GET /sync/pull/" + chunk.id().String() + "?project=repo"}) {
		t.Errorf("asked %q", got)
	}
	// Again: that is no error, and stores nothing.
	if err := remote.WriteChunk(t.Context(), chunk.entry, chunk.open); err != nil || len(s.Chunks("repo")) != 1 {
		t.Errorf("the second time: %v", err)
	}
}

// Each confirmed vector takes the whole way: from its data to the wire, to the
// server, and back, under the id that a real server gave it.
func TestVectorsTakeTheWholeWay(t *testing.T) {
	_, f := projectServer(t, projectserver.Options{Projects: []string{"*"}})
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
		vectorTravels(t, f.url, v.Project, v.Data, v.ID)
	}
}

func vectorTravels(t *testing.T, url, project, data, id string) {
	t.Helper()
	canonical, err := canon.ForPush([]byte(data), project)
	if err != nil {
		t.Fatal(err)
	}
	chunk := newTestChunk(string(canonical))
	if chunk.id().String() != id && !strings.Contains(data, "-0") { // which nobody sends (A8)
		t.Errorf("%s in %s: id %s, want %s", data, project, chunk.id(), id)
	}
	if string(canonical) == "null" {
		return // no chunk: the server takes it by mistake (3.1)
	}
	remote := dialProject(t, url, transport.Options{Project: engram.NormalizeProject(project)})
	if err := remote.WriteChunk(t.Context(), chunk.entry, chunk.open); err != nil {
		t.Errorf("push %s: %v", data, err)
		return
	}
	if text, err := pullPart(t, remote, chunk.id()); err != nil || text != chunk.text {
		t.Errorf("pulled %v\n%s\nwant\n%s", err, text, chunk.text)
	}
}

// Each refusal is told from the others, in one line that helps.
func TestProjectServersRefuse(t *testing.T) {
	chunk := part(t, rows("C"))
	for name, tc := range map[string]struct {
		options projectserver.Options
		project string
		chunk   testChunk
		before  func(s *projectserver.Server)
		class   error
		code    string
		says    string
	}{
		"a project that it does not know": {project: "nope", class: transport.ErrRefused, code: transport.CodeForbidden, says: `(project "nope")`},
		"a paused project": {before: func(s *projectserver.Server) { s.Pause("repo", true) },
			class: transport.ErrRefused, code: transport.CodePaused, says: `409 sync is paused for project "repo"`},
		"an id that other content has": {before: func(s *projectserver.Server) { s.Plant("repo", chunk.id().String(), []byte(`{"x": 1}`)) },
			class: transport.ErrRefused, code: transport.CodeChunkConflict, says: "409"},
		"a bad row": {chunk: part(t, `{"sessions":[{"id":"s"}]}`), class: transport.ErrRefused, says: "sessions[0].directory is required"},
		"a session that nobody has": {chunk: part(t, strings.Replace(rows("C"), `"id":"s"`, `"id":"other"`, 1)),
			class: transport.ErrRefused, says: `references missing session_id "s"`},
		"what its database can't hold": {chunk: part(t, rows(`\u0000`)), class: transport.ErrRefused, says: "SQLSTATE 22P05"},
		"too large":                    {options: projectserver.Options{MaxPushBytes: 100}, class: transport.ErrRefused, says: "at most 100 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := projectServer(t, tc.options)
			if tc.before != nil {
				tc.before(s)
			}
			if tc.chunk.text == "" {
				tc.chunk = chunk
			}
			err := dialProject(t, f.url, transport.Options{Project: tc.project}).WriteChunk(t.Context(), tc.chunk.entry, tc.chunk.open)
			oneClass(t, err, tc.class)
			oneLine(t, err)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %v, want %q", err, tc.says)
			}
			var status *transport.StatusError
			if tc.code != "" && (!errors.As(err, &status) || status.Code != tc.code) {
				t.Errorf("got %#v", err)
			}
			if got := len(f.requests()); got != 1 {
				t.Errorf("%d requests", got)
			}
		})
	}
}

// The limit of a server is learnt from its refusal, and then nothing larger is sent.
func TestTheLimitOfAProjectServerIsLearnt(t *testing.T) {
	const limit = 2000
	_, f := projectServer(t, projectserver.Options{MaxPushBytes: limit})
	remote := dialProject(t, f.url, transport.Options{})
	envelope := func(n int) testChunk { return part(t, rows(strings.Repeat("<", n))) }
	var large *transport.TooLargeError
	first := envelope(2000)
	err := remote.WriteChunk(t.Context(), first.entry, first.open)
	if !errors.As(err, &large) || large.ID != first.id() || large.Limit != limit || len(f.requests()) != 1 {
		t.Fatalf("got %v", err)
	}
	second := envelope(3000)
	err = remote.WriteChunk(t.Context(), second.entry, second.open)
	if !errors.As(err, &large) || large.ID != second.id() || len(f.requests()) != 0 {
		t.Errorf("got %v", err)
	}
	oneClass(t, err, transport.ErrRefused)
	third := envelope(1000) // whose canonical form is larger than the limit
	if err := remote.WriteChunk(t.Context(), third.entry, third.open); err != nil || len(third.text) < limit {
		t.Errorf("got %v for a chunk of %d bytes", err, len(third.text))
	}
}

// A chunk that is larger than we hold in memory is refused before a byte is sent,
// and one that is not what its id says too.
func TestChunksThatAreNotSent(t *testing.T) {
	_, f := projectServer(t, projectserver.Options{})
	remote := dialProject(t, f.url, transport.Options{})
	chunk := part(t, rows("C"))
	err := remote.WriteChunk(t.Context(), chunk.entry, func() (*engram.Chunk, error) {
		c, err := chunk.open()
		c.SizeHint = 65 << 20
		return c, err
	})
	oneClass(t, err, transport.ErrRefused)
	err = remote.WriteChunk(t.Context(), chunk.entry, func() (*engram.Chunk, error) {
		return engram.NewChunk(chunk.id(), io.NopCloser(strings.NewReader(`{"other":1}`)), 1<<20), nil
	})
	oneClass(t, err, engram.ErrDamaged)
	own := errors.New("cannot be opened")
	if err := remote.WriteChunk(t.Context(), chunk.entry, func() (*engram.Chunk, error) { return nil, own }); !errors.Is(err, own) {
		t.Errorf("got %v", err)
	}
	if whats := f.whats(); len(whats) > 0 {
		t.Errorf("asked %q", whats)
	}
}

// A time that the server would refuse is left out.
func TestOddTimesOfEntries(t *testing.T) {
	s, f := projectServer(t, projectserver.Options{})
	remote := dialProject(t, f.url, transport.Options{})
	for i, at := range []string{"", "no time", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2026-01-02 03:04:05", "2026-01-02T03:04:05+02:00"} {
		chunk := part(t, rows(fmt.Sprint(i)))
		chunk.entry.CreatedAt = at
		if err := remote.WriteChunk(t.Context(), chunk.entry, chunk.open); err != nil {
			t.Errorf("%q: %v", at, err)
		}
	}
	if n := len(s.Chunks("repo")); n != 6 {
		t.Errorf("%d chunks", n)
	}
}

// losing loses the connection of the first push, after the server has dealt with it or before.
func losing(f *front, after bool) {
	first := true
	f.instead(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !first {
			return false
		}
		first = false
		if after {
			f.handler.ServeHTTP(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler)
	})
}

// A lost answer is looked for: what arrived is not sent again.
func TestALostAnswerOfAProjectServer(t *testing.T) {
	for _, after := range []bool{true, false} {
		s, f := projectServer(t, projectserver.Options{})
		losing(f, after)
		remote := dialProject(t, f.url, transport.Options{SettleFor: 1})
		chunk := part(t, rows("C"))
		err := remote.WriteChunk(t.Context(), chunk.entry, chunk.open)
		posts := 0
		for _, what := range f.whats() {
			if strings.HasPrefix(what, "POST") {
				posts++
			}
		}
		if after && (err != nil || posts != 1 || len(s.Chunks("repo")) != 1) {
			t.Errorf("arrived: %v after %d pushes", err, posts)
		}
		if !after { // it may yet arrive, for all we know
			oneClass(t, err, transport.ErrOutcomeUnknown)
		}
	}
}

// An answer is believed only if it is the kind's own, and about this chunk.
func TestAnswersOfAPushThatAreNotBelieved(t *testing.T) {
	chunk := part(t, rows("C"))
	id := chunk.id().String()
	for name, body := range map[string]string{
		"an account server's": `{"status":"accepted","chunk_id":"` + id + `"}`,
		"another id":          `{"status":"ok","chunk_id":"00000000"}`,
		"no id":               `{"status":"ok"}`,
		"no JSON":             `ok`,
		"nothing":             ``,
	} {
		t.Run(name, func(t *testing.T) {
			_, f := projectServer(t, projectserver.Options{})
			stored := true
			f.instead(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPost {
					return false
				}
				if stored {
					f.handler.ServeHTTP(httptest.NewRecorder(), r)
				}
				_, _ = io.WriteString(w, body)
				return true
			})
			remote := dialProject(t, f.url, transport.Options{SettleFor: 1})
			err := remote.WriteChunk(t.Context(), chunk.entry, chunk.open)
			if name == "an account server's" {
				// Whatever it is, it is not what it was taken for.
				if remote.Kind() != transport.KindUnknown {
					t.Errorf("it still is a %s server", remote.Kind())
				}
				oneClass(t, err, transport.ErrOutcomeUnknown)
				return
			}
			if err != nil {
				t.Errorf("it is stored, and settling says %v", err)
			}
			stored = false
			other := part(t, rows("D"))
			oneClass(t, remote.WriteChunk(t.Context(), other.entry, other.open), transport.ErrOutcomeUnknown)
		})
	}
}

// Compressed pushes go only to servers that have shown that they know them.
func TestPushesAreCompressed(t *testing.T) {
	for _, knows := range []bool{true, false} {
		s, f := projectServer(t, projectserver.Options{Compressed: knows})
		remote := dialProject(t, f.url, transport.Options{})
		first, second := part(t, rows("first")), part(t, rows(strings.Repeat("second ", 1000)))
		if err := remote.WriteChunk(t.Context(), first.entry, first.open); err != nil {
			t.Fatal(err)
		}
		if text, err := pullPart(t, remote, first.id()); err != nil || text != first.text {
			t.Fatalf("pulled %q, %v", text, err)
		}
		if err := remote.WriteChunk(t.Context(), second.entry, second.open); err != nil {
			t.Fatal(err)
		}
		var types []string
		for _, a := range f.requests() {
			if a.what == "POST /sync/push" {
				types = append(types, a.contentType)
			}
		}
		want := []string{"application/json", "application/json"}
		if knows {
			want[1] = compressedEnvelope
		}
		if !slices.Equal(types, want) || len(s.Chunks("repo")) != 2 {
			t.Errorf("sent %q", types)
		}
	}
}

// A server that gives compressed chunks and takes none gets them as they are,
// and is asked only once.
func TestCompressedPushesThatAreRefused(t *testing.T) {
	s, f := projectServer(t, projectserver.Options{})
	gives(t, f)
	remote := dialProject(t, f.url, transport.Options{})
	chunks := []testChunk{part(t, rows("0")), part(t, rows("1")), part(t, rows("2"))}
	for i, c := range chunks {
		if err := remote.WriteChunk(t.Context(), c.entry, c.open); err != nil {
			t.Fatal(err)
		}
		if _, err := pullPart(t, remote, chunks[i].id()); err != nil {
			t.Fatal(err)
		}
	}
	var compressed int
	for _, a := range f.requests() {
		if a.contentType == compressedEnvelope {
			compressed++
		}
	}
	if compressed != 1 || len(s.Chunks("repo")) != 3 {
		t.Errorf("%d compressed pushes, %q", compressed, s.Chunks("repo"))
	}
}

// gives lets a server that knows no compression give compressed chunks.
func gives(t *testing.T, f *front) {
	t.Helper()
	f.instead(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/sync/pull/") {
			return false
		}
		plain := httptest.NewRecorder()
		f.handler.ServeHTTP(plain, r)
		w.Header().Set("Content-Type", compressedEnvelope)
		z := gzip.NewWriter(w)
		_, _ = z.Write(plain.Body.Bytes())
		_ = z.Close()
		return true
	})
}

// The limit counts what a compressed push holds, not what it weighs.
func TestTheLimitCountsWhatIsCompressed(t *testing.T) {
	_, f := projectServer(t, projectserver.Options{Compressed: true, MaxPushBytes: 10_000})
	remote := dialProject(t, f.url, transport.Options{})
	large, small := part(t, rows(strings.Repeat("m", 20_000))), part(t, rows("m"))
	var tooLarge *transport.TooLargeError
	if err := remote.WriteChunk(t.Context(), large.entry, large.open); !errors.As(err, &tooLarge) {
		t.Fatalf("got %v", err)
	}
	if err := remote.WriteChunk(t.Context(), small.entry, small.open); err != nil {
		t.Fatal(err)
	}
	if _, err := pullPart(t, remote, small.id()); err != nil {
		t.Fatal(err)
	}
	f.requests()
	if err := remote.WriteChunk(t.Context(), large.entry, large.open); !errors.As(err, &tooLarge) || len(f.requests()) != 0 {
		t.Errorf("got %v", err)
	}
}

// A path that the server does not have is a wrong URL, and not a refusal.
func TestAPathThatIsNotThere(t *testing.T) {
	f := listen(t, http.NotFoundHandler())
	remote := dialProject(t, f.url, transport.Options{})
	chunk := part(t, rows("C"))
	oneClass(t, remote.WriteChunk(t.Context(), chunk.entry, chunk.open), transport.ErrNotEngram)
	_, err := pullPart(t, remote, chunk.id())
	oneClass(t, err, transport.ErrNotEngram)
}

// Pushes of large chunks at the same time wait for memory, and all get there.
func TestManyLargePushesWaitForMemory(t *testing.T) {
	s, f := projectServer(t, projectserver.Options{})
	remote := dialProject(t, f.url, transport.Options{})
	done := make(chan error)
	const n = 10
	for i := range n {
		chunk := part(t, rows(fmt.Sprint(i)))
		open := func() (*engram.Chunk, error) {
			c, err := chunk.open()
			c.SizeHint = 40 << 20 // as large as it says it is
			return c, err
		}
		go func() { done <- remote.WriteChunk(t.Context(), chunk.entry, open) }()
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
