package problem

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/recorded"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// TestProxyAnswers gives the client what proxies and gateways answer in the server's
// place. That ends a run, and is no row's fault.
func TestProxyAnswers(t *testing.T) {
	t.Parallel()
	const html = "<html><head><title>Error</title></head><body>nginx</body></html>"
	for _, c := range []struct {
		status     int
		kind, body string
		want       string
	}{
		{400, "text/html", html, "6"},
		{403, "text/html", html, "6"},
		{404, "text/html", html, "6"},
		{413, "text/html", html, "6"},
		{413, "application/json", `{"message":"Request size limit exceeded"}`, "6"},
		{502, "text/html", html, "8"}, // it was sent, and somebody may have got it
		{504, "text/html", html, "8"},
		{400, "application/json", `{"message":"Bad Request"}`, "6"},
		{400, "application/json", `{"error":"Bad Request"}`, "6"},
		{403, "application/json", `{"error":"Forbidden"}`, "6"},
		{404, "application/json", `{"error":"no Route matched with those values"}`, "6"},
		{500, "text/html", html + "(SQLSTATE 22P05)", "8"},
	} {
		for _, kind := range []transport.Kind{transport.KindAccount, transport.KindProject} {
			listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", c.kind)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			_, ask, _ := pushMutations(&recorded.Exchange{Request: recorded.Request{Truncated: "one row"}})
			got := outcome(ask(t.Context(), dial(t, listener.URL, kind)))
			listener.Close()
			if got != c.want {
				t.Errorf("%s: %d %s: %s, want %s", kind, c.status, c.body, got, c.want)
			}
		}
	}
}

// TestRecordedAnswers gives the client what real servers answered, and looks
// what it makes of each: the exit code, and whether a row of a batch is to blame.
// What is right stands in verdicts.
func TestRecordedAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine works for long: the race detector learns nothing from it")
	}
	t.Parallel()
	seen := make([]bool, len(verdicts))
	t.Run("servers", func(t *testing.T) {
		for _, name := range []string{recorded.Account194, recorded.Project1161, recorded.Project120} {
			t.Run(name, func(t *testing.T) {
				b := newBench(t, name)
				for i := range b.all {
					b.judge(&b.all[i], seen)
				}
				b.report()
			})
		}
	})
	for i, v := range verdicts {
		if !seen[i] {
			t.Errorf("no answer is judged by %+v", v)
		}
	}
}

// bench is the client in front of a listener that gives recorded answers.
type bench struct {
	t      *testing.T
	kind   transport.Kind
	all    []recorded.Exchange
	byName map[string]*recorded.Exchange
	url    string

	mu     sync.Mutex
	next   []*recorded.Exchange // whose answers come next
	prefix string               // of the names of those that come after them, "" outside of a state

	right   int
	wrong   map[string]int // by the reason of the todo
	skipped map[string]int
}

func newBench(t *testing.T, name string) *bench {
	kind, _, _ := strings.Cut(name, "-")
	b := &bench{
		t: t, kind: transport.Kind(kind), all: recorded.Load(t, name), byName: map[string]*recorded.Exchange{},
		wrong: map[string]int{}, skipped: map[string]int{},
	}
	for i := range b.all {
		b.byName[b.all[i].Name] = &b.all[i]
	}
	listener := httptest.NewServer(b)
	t.Cleanup(listener.Close)
	b.url = listener.URL
	return b
}

// dial makes a client that does not try again.
func dial(t testing.TB, url string, kind transport.Kind) *transport.RemoteTransport {
	t.Helper()
	remote, err := transport.NewRemoteTransport(url, anyToken{}, transport.Options{
		Known: transport.Facts{Kind: kind}, Project: "alpha", Retries: -1, SettleFor: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

// anyToken is good enough where recorded answers come whatever is sent.
type anyToken struct{}

func (anyToken) Token(context.Context) (string, error) { return "a-token-of-the-test", nil }

// The chunk that the client pushes.
var (
	content = `{"sessions":[{"id":"s","project":"alpha","directory":"/d"}],"observations":[],"prompts":[]}`
	pushed  = engram.ChunkEntry{
		ID: engram.IDOf(sha256.Sum256([]byte(content))), CreatedBy: "anna", CreatedAt: "2026-05-01T10:00:00Z", Sessions: 1,
	}
)

// named is where the answer to a push names its chunk: the client looks for its own.
var named = regexp.MustCompile(`^(\{"chunk_id":")[0-9A-Fa-f]{8}(","(?:observations_stored|status)")`)

// ServeHTTP gives the recorded answer. What the client asks after that, to settle
// what it did, is answered as was recorded of the same state of the database, or
// else as if nothing was stored.
func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	var answer recorded.Response
	switch {
	case len(b.next) > 0:
		answer = b.next[0].Response
		b.next = b.next[1:]
	case strings.HasPrefix(r.URL.Path, "/sync/pull/") && b.prefix != "":
		answer = b.byName[b.prefix+"pull-chunk"].Response
	case strings.HasPrefix(r.URL.Path, "/sync/pull/"):
		answer = b.byName["pull-unknown"].Response
	case b.prefix != "":
		answer = b.byName[b.prefix+"manifest"].Response
	default:
		answer = b.byName["manifest-empty"].Response
	}
	answer.Body = named.ReplaceAll(answer.Body, []byte("${1}"+pushed.ID.String()+"${2}"))
	answer.Serve(w, nil)
}

// judge puts one answer before the client, and compares what it makes of it.
func (b *bench) judge(e *recorded.Exchange, seen []bool) {
	b.t.Helper()
	call, ask, whyNot := b.call(e)
	if whyNot != "" {
		b.skipped[whyNot]++
		return
	}
	got := b.ask(e, ask)
	at := slices.IndexFunc(verdicts, func(v verdict) bool { return v.judges(b.kind, call, e) })
	if at < 0 {
		b.t.Errorf("%s (%s): %s %d %.200q: no verdict; the client says %s", e.Name, e.About, call, e.Response.Status, e.Response.Body, got)
		return
	}
	seen[at] = true
	switch v := verdicts[at]; {
	case v.todo == "" && got == v.want:
		b.right++
	case v.todo == "":
		b.t.Errorf("%s (%s): %s %d %.200q: %s, want %s", e.Name, e.About, call, e.Response.Status, e.Response.Body, got, v.want)
	case got == v.want:
		b.t.Errorf("%s (%s): %s is right now: delete the todo %q, or narrow it down", e.Name, e.About, got, v.todo)
	default:
		b.wrong[v.todo]++
	}
}

// ask makes the client meet an answer. In a state of the database it has met the
// server before that, when all was well.
func (b *bench) ask(e *recorded.Exchange, ask request) string {
	b.t.Helper()
	remote := dial(b.t, b.url, b.kind)
	b.mu.Lock()
	b.prefix, b.next = statePrefix.FindString(e.Name), []*recorded.Exchange{e}
	if b.prefix != "" {
		b.next = []*recorded.Exchange{b.byName["db-up-manifest"], e}
	}
	b.mu.Unlock()
	if statePrefix.MatchString(e.Name) {
		if _, err := remote.ReadManifest(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
	return outcome(ask(b.t.Context(), remote))
}

// statePrefix starts the names of what was asked in one state of the database.
var statePrefix = regexp.MustCompile(`^db-(up|just-stopped|stopped|just-started|starting|ended-midway|terminated|shutting)-`)

// outcome is what an error means to the user: the code, and "row" where a row of
// the batch is to blame and the others may go on.
func outcome(err error) string {
	code := strconv.Itoa(Code(err))
	if As[*engram.ContentError](err) {
		return code + " row"
	}
	return code
}

// request is one call of the client.
type request = func(context.Context, *transport.RemoteTransport) error

// call is the client's call that a recorded request stands for, or why there is none.
func (b *bench) call(e *recorded.Exchange) (name string, ask request, whyNot string) {
	if e.Response.Summary != nil {
		return "", nil, "the body was not kept"
	}
	target, err := url.Parse(e.Request.Path)
	if err != nil || strings.HasPrefix(e.Request.Path, "//") {
		return "", nil, "a path that the client does not ask for"
	}
	if b.kind == transport.KindProject && strings.HasPrefix(target.Path, "/sync/pull") && target.Query().Get("project") == "" {
		return "", nil, "no project, which the client always names"
	}
	switch route := e.Request.Method + " " + target.Path; route {
	case "GET /sync/pull":
		return "manifest", func(ctx context.Context, remote *transport.RemoteTransport) error {
			_, err := remote.ReadManifest(ctx)
			return err
		}, ""
	case "POST /sync/push":
		return "push", pushChunk, ""
	case "POST /sync/mutations/push":
		return pushMutations(e)
	case "GET /sync/mutations/pull":
		return pullMutations(target.Query())
	case "POST /auth/login":
		return "login", func(ctx context.Context, remote *transport.RemoteTransport) error {
			_, err := remote.Login(ctx, "anna", "correct horse")
			return err
		}, ""
	case "POST /auth/register":
		return "register", func(ctx context.Context, remote *transport.RemoteTransport) error {
			_, err := remote.Register(ctx, "anna", "anna@example.test", "correct horse", "")
			return err
		}, ""
	case "POST /auth/refresh":
		return "refresh", func(ctx context.Context, remote *transport.RemoteTransport) error {
			_, err := remote.Exchange(ctx, "a-refresh-token")
			return err
		}, ""
	case "POST /auth/api-key":
		return "mint", func(ctx context.Context, remote *transport.RemoteTransport) error {
			_, err := remote.CreateAPIKey(ctx)
			return err
		}, ""
	case "DELETE /auth/api-key":
		return "revoke", func(ctx context.Context, remote *transport.RemoteTransport) error { return remote.RevokeAPIKey(ctx) }, ""
	}
	if id, err := engram.ParseChunkID(strings.TrimPrefix(target.Path, "/sync/pull/")); err == nil && e.Request.Method == http.MethodGet {
		return "chunk", pullChunk(id), ""
	}
	return "", nil, "a path that the client does not ask for"
}

func pushChunk(ctx context.Context, remote *transport.RemoteTransport) error {
	return remote.WriteChunk(ctx, pushed, func() (*engram.Chunk, error) {
		return engram.NewChunk(pushed.ID, io.NopCloser(strings.NewReader(content)), 1<<20), nil
	})
}

func pullChunk(id engram.ChunkID) request {
	return func(ctx context.Context, remote *transport.RemoteTransport) error {
		_, err := remote.ReadChunk(ctx, id, func(c *engram.Chunk) error {
			_, err := io.Copy(io.Discard, c)
			return err
		})
		return err
	}
}

// pushMutations sends as many rows as the recorded request had, or one if that
// cannot be told.
func pushMutations(e *recorded.Exchange) (string, request, string) {
	var batch struct{ Mutations, Entries []json.RawMessage }
	if err := json.Unmarshal([]byte(e.Request.Body.String()), &batch); err != nil || e.Request.Truncated != "" {
		batch.Mutations, batch.Entries = make([]json.RawMessage, 1), nil
	}
	rows := max(len(batch.Mutations), len(batch.Entries))
	if rows == 0 {
		return "", nil, "no rows, which the client does not send"
	}
	return "mutations", func(ctx context.Context, remote *transport.RemoteTransport) error {
		entries := make([]transport.MutationEntry, rows)
		for i := range entries {
			entries[i] = transport.MutationEntry{
				Entity: "session", EntityKey: fmt.Sprint(i), Op: "upsert", Payload: json.RawMessage(`{"id":"s","directory":"/d"}`), Project: "alpha",
			}
		}
		_, err := remote.PushMutations(ctx, entries, "")
		return err
	}, ""
}

func pullMutations(query url.Values) (string, request, string) {
	since, err := strconv.ParseInt("0"+query.Get("since_seq"), 10, 64)
	limit, errLimit := strconv.Atoi("0" + query.Get("limit"))
	if err := errors.Join(err, errLimit); err != nil {
		return "", nil, "a number that the client does not send"
	}
	return "journal", func(ctx context.Context, remote *transport.RemoteTransport) error {
		_, err := remote.PullMutations(ctx, since, limit)
		return err
	}, ""
}

func (b *bench) report() {
	b.t.Helper()
	b.t.Logf("%4d judged as they should be", b.right)
	for _, why := range slices.Sorted(maps.Keys(b.wrong)) {
		b.t.Logf("%4d still to do: %s", b.wrong[why], why)
	}
	for _, why := range slices.Sorted(maps.Keys(b.skipped)) {
		b.t.Logf("%4d skipped: %s", b.skipped[why], why)
	}
}
