package pages_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/pages"
	"github.com/engram-sync/engram-sync/internal/safetext"
)

// shelf is a Source in memory.
type shelf struct {
	chunks []memoryindex.Chunk
	texts  map[engram.ChunkID][]byte
}

func (s *shelf) State(context.Context) (string, error) { return memoryindex.StateOf(s.chunks), nil }

func (s *shelf) Chunks(context.Context) ([]memoryindex.Chunk, error) { return s.chunks, nil }

func (s *shelf) Read(_ context.Context, id engram.ChunkID, read func(*engram.Chunk) error) error {
	return read(engram.NewChunk(id, io.NopCloser(bytes.NewReader(s.texts[id])), 64<<20))
}

// add adds a chunk that Ana made at a time.
func (s *shelf) add(t *testing.T, at string, rows engram.ChunkRows) engram.ChunkID {
	t.Helper()
	text, err := engram.EncodeChunk(rows)
	if err != nil {
		t.Fatal(err)
	}
	id := engram.IDOf(sha256.Sum256(text))
	if s.texts == nil {
		s.texts = map[engram.ChunkID][]byte{}
	}
	s.texts[id] = text
	s.chunks = append(s.chunks, memoryindex.Chunk{Stamp: "1", Listed: true, ChunkEntry: engram.ChunkEntry{ID: id, CreatedBy: "Ana", CreatedAt: at, Memories: len(rows.Observations)}})
	return id
}

// memory is a chunk of one memory.
func memory(id, title, content, at string) engram.ChunkRows {
	return engram.ChunkRows{
		Sessions:     []engram.Session{{ID: "s/1 ?&", Project: "shop", StartedAt: "2026-10-01 08:00:00"}},
		Observations: []engram.Observation{{SyncID: id, SessionID: "s/1 ?&", Type: "decision", Title: title, Content: content, CreatedAt: at, UpdatedAt: at}},
	}
}

// served are the pages of a shelf on a listener, behind the way in for this machine.
type served struct {
	t     *testing.T
	local *pages.Local
	url   string // of the listener
}

func serve(t *testing.T, s *shelf) *served {
	t.Helper()
	x, _, err := memoryindex.Open(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	local := pages.NewLocal(pages.New(pages.Place{
		Name: "here", Version: "dev", Index: x, Source: s, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) },
		Refresh: func(ctx context.Context) ([]memoryindex.Failure, error) {
			return x.Update(ctx, s, memoryindex.Options{AtOnce: 1})
		},
	}))
	srv := httptest.NewServer(local)
	t.Cleanup(srv.Close)
	return &served{t, local, srv.URL}
}

// ask asks for a path of the listener, as it stands.
func (s *served) ask(method, path, host string) (status int, header http.Header, text string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Host = host
	w, err := (&http.Transport{}).RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }() // only read
	body, err := io.ReadAll(w.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return w.StatusCode, w.Header, string(body)
}

// page gives a page, which has to be there, and well made: no script, no style of its own, nothing from elsewhere.
func (s *served) page(path string) string {
	s.t.Helper()
	status, _, text := s.ask(http.MethodGet, s.local.Path()+path, "")
	if status != http.StatusOK {
		s.t.Fatalf("%s: %d: %s", path, status, text)
	}
	for z := html.NewTokenizer(strings.NewReader(text)); ; {
		if z.Next() == html.ErrorToken {
			break
		}
		token := z.Token()
		if token.Type == html.TextToken && safetext.Escape(token.Data) != token.Data {
			s.t.Errorf("%s has characters that cannot be seen: %q", path, token.Data)
		}
		if token.Data == "script" && token.Type != html.TextToken || token.Data == "style" && token.Type == html.StartTagToken {
			s.t.Errorf("%s has a %s", path, token)
		}
		for _, a := range token.Attr {
			leads := (a.Key == "href" || a.Key == "src" || a.Key == "action") && regexp.MustCompile(`^[a-z]*:|^/`).MatchString(a.Val)
			if leads || a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				s.t.Errorf("%s has %s=%q", path, a.Key, a.Val)
			}
		}
	}
	return text
}

func (s *served) has(text string, parts ...string) {
	s.t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			s.t.Errorf("%q is missing in:\n%s", p, text)
		}
	}
}

// Nobody gets in without the whole path and a name of loopback, whatever it looks like, and every answer keeps to itself.
func TestTheWayIn(t *testing.T) {
	lib := &shelf{}
	id := lib.add(t, "2026-10-02T00:00:00Z", memory("o1", "A title", "text", "2026-10-02 10:00:00"))
	s := serve(t, lib)
	in := s.local.Path()
	once := s.local.Once(func(*http.Request) bool { return true })
	for _, c := range []struct {
		method, path, host string
		status             int
	}{
		{"GET", in, "", 200}, {"HEAD", in, "", 200}, {"GET", in + "style.css", "", 200}, {"GET", in + "icon.svg", "", 200}, {"GET", in + "chunk?id=" + id.String(), "", 200},
		{"GET", strings.TrimSuffix(in, "/"), "", 303}, {"GET", in, "localhost:1", 200}, {"GET", in, "[::1]:80", 200}, {"GET", in, "127.3.2.1", 200},
		{"GET", in, "evil.example", 421}, {"GET", in, "127.0.0.1.evil.example:80", 421}, {"GET", in, "localhost.evil.example", 421}, {"GET", in, "10.0.0.1", 421}, {"GET", in, "0.0.0.0", 421},
		{"POST", in, "", 405}, {"PUT", in + "search", "", 405}, {"DELETE", "/", "", 405}, {"OPTIONS", in, "", 405},
		{"GET", "/", "", 404}, {"GET", "/style.css", "", 404}, {"GET", in[:len(in)-2] + "/", "", 404}, {"GET", "/" + strings.ToLower(in[1:]), "", 404}, {"GET", in[:10] + in, "", 404},
		{"GET", "/open/", "", 404}, {"GET", "/open/x", "", 404}, {"HEAD", once, "", 404}, {"GET", once, "evil.example", 421}, {"GET", once, "", 303}, {"GET", once, "", 404},
		{"GET", in + "%2e%2e/%2e%2e/etc/passwd", "", 404}, {"GET", in + "files/frame.html", "", 404}, {"GET", in + "chunk?id=../../x", "", 404}, {"GET", in + "chunk?id=00000000", "", 404},
		{"GET", in + "memory?id=..%2f..%2fetc%2fpasswd", "", 404}, {"GET", in + "memory", "", 404}, {"GET", in + "nothing", "", 404},
	} {
		status, header, _ := s.ask(c.method, c.path, c.host)
		if status != c.status && status != http.StatusTemporaryRedirect {
			t.Errorf("%s %s of %q: %d, want %d", c.method, c.path, c.host, status, c.status)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Referrer-Policy":         "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q", c.method, c.path, name, got)
			}
		}
		if at := header.Get("Location"); at != "" && at != in && strings.Contains(at, "//") {
			t.Errorf("%s %s leads to %s", c.method, c.path, at)
		}
	}
	if _, _, text := s.ask("GET", in+"chunk?id=x", ""); !strings.Contains(text, "“x” is no id of a chunk.") {
		t.Error(text)
	}
	refused := s.local.Once(func(*http.Request) bool { return false })
	if status, _, _ := s.ask("GET", refused, ""); status != 404 {
		t.Errorf("who may not use the path for one time gets %d", status)
	}
}

// Whatever a memory holds is text on a page.
func TestHostileText(t *testing.T) {
	evil := `"'><script>alert(1)</script><img src=x onerror=alert(1)></pre></title>javascript:alert(1) {{.}} ` + "\u202e\u2066abc\x1b[2J\x00\ufdd4\n# <b>\n- <i>\n```\n</code></pre><script>\n```\n[x](javascript:alert(1))"
	lib := &shelf{}
	rows := memory(evil, evil, evil+strings.Repeat("`*_", 20_000), evil)
	rows.Sessions[0] = engram.Session{ID: evil, Project: evil, Directory: evil, StartedAt: evil, Summary: &evil}
	o := &rows.Observations[0]
	o.SessionID, o.Type, o.Scope, o.Project, o.TopicKey, o.ToolName = evil, evil, evil, &evil, &evil, &evil
	rows.Prompts = []engram.Prompt{{SyncID: "p", SessionID: evil, Content: strings.Repeat("huge", 300_000), Project: evil}}
	id := lib.add(t, evil, rows)
	lib.chunks[0].CreatedBy = evil
	s := serve(t, lib)
	for _, path := range []string{
		"", "?" + url.Values{"project": {evil}, "type": {evil}, "author": {evil}, "since": {evil}, "page": {"99999999999999999999"}}.Encode(), "?page=-1", "?page=7",
		"search?q=alert", "search?q=" + url.QueryEscape(evil), "search?q=%22", "search?deleted=x&until=2026-13-01", "chunk?id=" + id.String(), "chunk?page=3&id=" + id.String(),
		"memory?id=" + url.QueryEscape(evil), "memory?id=p", "search?q=%00%ff",
	} {
		if text := s.page(path); len(text) > 8<<20 {
			t.Errorf("%s has %d bytes", path, len(text))
		}
	}
	s.has(s.page("search?q=alert"), "<mark>alert</mark>")
	s.has(s.page("memory?id=p"), "more bytes are not shown here")
}

// A list has pages, which lead to each other with what was asked for.
func TestTurningPages(t *testing.T) {
	lib := &shelf{}
	for i := range 45 {
		lib.add(t, fmt.Sprintf("2026-10-%02dT00:00:00Z", i/2+1), memory(fmt.Sprintf("o%d", i), fmt.Sprintf("Title %d.", i), "word", fmt.Sprintf("2026-10-%02d 10:00:00", i/2+1)))
	}
	s := serve(t, lib)
	next := regexp.MustCompile(`href="([^"]*)" rel="next"`)
	for _, start := range []string{"?author=ana", "search?q=word&project=SHOP", "search"} {
		seen, path := 0, start
		for range 5 {
			text := s.page(path)
			seen += strings.Count(text, "<article")
			m := next.FindStringSubmatch(text)
			if m == nil {
				s.has(text, "<span>41–4")
				break
			}
			path = strings.TrimPrefix(html.UnescapeString(m[1]), "./")
		}
		want := 45
		if start == "search" { // and the session
			want++
		}
		if seen != want {
			t.Errorf("%s: %d are listed", start, seen)
		}
	}
	s.has(s.page("?since=2026-10-03&until=2026-10-03"), "1–2 of 2", "Title 4.", "Title 5.")
	s.has(s.page("?since=soon"), "takes a day such as 2026-10-01")
	s.has(s.page("?project=none"), "There is no chunk with that.")
	s.has(s.page("search?q=%28%29"), "There is no word to look for")
	s.has(s.page(""), "at most 2 in a day", "<th scope=\"row\"><a href=\"./?since=2026-10-23&amp;until=2026-10-23\">2026-10-23</a></th><td>1</td>")
}

// A memory is shown in its newest version, with what each chunk changed.
func TestHistory(t *testing.T) {
	lib := &shelf{}
	lib.add(t, "2026-10-02T00:00:00Z", memory("o1", "Old", "same\nwe use mysql\nsame too", "2026-10-02 10:00:00"))
	lib.add(t, "2026-10-03T00:00:00Z", memory("o1", "New", "same\nwe use postgres\nsame too", "2026-10-03 10:00:00"))
	s := serve(t, lib)
	text := s.page("memory?id=o1")
	s.has(text, "<h1 dir=\"auto\">New</h1>", "changed title, content", "<del dir=\"auto\">Old</del> → <ins dir=\"auto\">New</ins>", "<del>- we use mysql</del>\n<ins>+ we use postgres</ins>\n  same too", "<strong dir=\"auto\">new</strong>")
	s.has(s.page("memory?id="+url.QueryEscape("s/1 ?&")), "s/1 ?&amp;")
	lib.add(t, "2026-10-04T00:00:00Z", engram.ChunkRows{Mutations: []engram.ChunkMutation{{Entity: "observation", EntityKey: "o1", Op: "delete", Payload: `{"sync_id":"o1","deleted_at":"2026-10-04 10:00:00","hard_delete":true}`}}})
	s.has(s.page("memory?id=o1"), "deleted decision", "we use postgres", "<strong dir=\"auto\">deleted</strong>")
	s.has(s.page("search?q=postgres"), "No memory has that.")
	s.has(s.page("search?q=postgres&deleted=1"), "deleted decision")
}

// What cannot be read is named on every page, and the rest is shown.
// What relations relate is told by title, as the newest text has it, in lists, on the page of a chunk and of a relation.
func TestRelations(t *testing.T) {
	lib := &shelf{}
	lib.add(t, "2026-10-01T00:00:00Z", memory("o1", "Use MySQL", "x", "2026-10-01 08:00:00"))
	lib.add(t, "2026-10-02T00:00:00Z", memory("o1", "Use <Postgres>", "x", "2026-10-02 08:00:00"))
	id := lib.add(t, "2026-10-03T00:00:00Z", engram.ChunkRows{Mutations: []engram.ChunkMutation{{
		Entity: "relation", EntityKey: "r1", Op: "upsert", Payload: `{"sync_id":"r1","source_id":"o1","target_id":"o2","relation":"supersedes","project":"shop"}`,
	}}})
	s := serve(t, lib)
	s.has(s.page(""), `“Use &lt;Postgres&gt;” supersedes o2`)
	for _, page := range []string{"chunk?id=" + id.String(), "memory?id=r1"} {
		s.has(s.page(page), `“Use &lt;Postgres&gt;” supersedes o2`, `id=o1">Use &lt;Postgres&gt;</a>`, `id=o2">o2</a>`)
	}
}

func TestDamagedChunks(t *testing.T) {
	lib := &shelf{}
	id := lib.add(t, "2026-10-02T00:00:00Z", memory("o1", "Bad", "x", "2026-10-02 10:00:00"))
	lib.add(t, "2026-10-03T00:00:00Z", memory("o2", "Good", "x", "2026-10-03 10:00:00"))
	lib.texts[id] = lib.texts[id][:20]
	s := serve(t, lib)
	s.has(s.page(""), "Good", "1 of the chunks cannot be read", `<a href="chunk?id=`+id.String()+`">`, "cannot be read")
	s.has(s.page("search"), "1 of the chunks cannot be read")
	s.has(s.page("chunk?id="+id.String()), "There is nothing in it.", `<p class="bad" role="status">`)
}

// A request that cannot be answered spoils no later one.
func TestAfterARefusal(t *testing.T) {
	t.Parallel()
	shelf := &shelf{}
	id := shelf.add(t, "2026-10-01T08:00:00Z", memory("obs-1", "Kept", "as it was", "2026-10-01 08:00:00"))
	s := serve(t, shelf)
	good := "chunk?id=" + id.String()
	before := s.page(good)
	s.has(before, "Kept")
	for range 2 {
		if status, _, _ := s.ask(http.MethodGet, s.local.Path()+"chunk?id=00000000", "127.0.0.1"); status != http.StatusNotFound {
			t.Errorf("a chunk that is not there: %d", status)
		}
		if after := s.page(good); after != before {
			t.Errorf("after a refusal the page is another one:\n%s", after)
		}
	}
}
