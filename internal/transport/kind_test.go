package transport_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/transport"
)

const manifestOf = "GET /sync/pull?project=repo"

// The kind of a real server is found out with requests that change nothing, and
// a known one costs no question. Source: project-server.md 5.
func TestTheKindIsFoundOut(t *testing.T) {
	_, project := wiretest.ProjectServer(t, projectserver.Options{})
	open := wiretest.Listen(t, projectserver.New(projectserver.Options{Projects: []string{"repo"}}))
	account, access := wiretest.AccountServer(t)
	for name, tc := range map[string]struct {
		front  *wiretest.Front
		source transport.TokenSource
		kind   transport.Kind // as cached
		want   transport.Kind
		whats  []string
		heard  []transport.Kind
	}{
		"a project server":             {project, wiretest.Token("secret-token"), "", "project", []string{"GET /sync/pull", manifestOf}, []transport.Kind{"project"}},
		"without authentication":       {open, nil, "", "project", []string{"GET /sync/pull", manifestOf}, []transport.Kind{"project"}},
		"which needs no token":         {open, wiretest.Token("any"), "project", "project", []string{manifestOf}, nil},
		"a known project server":       {project, wiretest.Token("secret-token"), "project", "project", []string{manifestOf}, nil},
		"an account server":            {account, access, "", "account", []string{"GET /sync/pull"}, []transport.Kind{"account"}},
		"a known account server":       {account, access, "account", "account", []string{"GET /sync/pull"}, nil},
		"was an account server before": {project, wiretest.Token("secret-token"), "account", "project", []string{"GET /sync/pull", manifestOf}, []transport.Kind{"project"}},
		"was a project server before":  {account, access, "project", "account", []string{manifestOf, "GET /sync/pull"}, []transport.Kind{"", "account"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.front.Requests()
			var heard wiretest.Kinds
			remote := wiretest.DialAs(t, tc.front.URL, tc.source, transport.Options{Known: transport.Facts{Kind: tc.kind}, OnFacts: heard.Add})
			m, err := remote.ReadManifest(t.Context())
			if err != nil || m == nil || remote.Kind() != tc.want {
				t.Fatalf("got %v, %v, a server of kind %q", m, err, remote.Kind())
			}
			if diff := cmp.Diff(tc.whats, tc.front.Whats()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.heard, heard.All); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
			if _, err := remote.ReadManifest(t.Context()); err != nil || len(tc.front.Requests()) != 1 {
				t.Errorf("the second time: %v", err)
			}
			if err := remote.FindKind(t.Context()); remote.Kind() != tc.want || err != nil || len(tc.front.Requests()) != 0 {
				t.Errorf("FindKind of a known server: %q, %v", remote.Kind(), err)
			}
		})
	}
}

// FindKind needs no project, and asks once.
func TestFindKind(t *testing.T) {
	_, project := wiretest.ProjectServer(t, projectserver.Options{})
	account, access := wiretest.AccountServer(t)
	for kind, f := range map[transport.Kind]*wiretest.Front{transport.KindProject: project, transport.KindAccount: account} {
		source := wiretest.Token("secret-token")
		if kind == transport.KindAccount {
			source = access
		}
		remote, err := transport.NewRemoteTransport(f.URL, source, transport.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := remote.FindKind(t.Context()); remote.Kind() != kind || err != nil {
				t.Errorf("got %q, %v, want %q", remote.Kind(), err, kind)
			}
		}
		if whats := f.Whats(); !slices.Equal(whats, []string{"GET /sync/pull"}) {
			t.Errorf("%s: asked %q", kind, whats)
		}
	}
}

// Who insists on a kind hears what is wrong with that, and nothing is sent.
func TestAnInsistedKindIsNotTakenBack(t *testing.T) {
	_, project := wiretest.ProjectServer(t, projectserver.Options{})
	account, access := wiretest.AccountServer(t)
	for insisted, tc := range map[transport.Kind]struct {
		front  *wiretest.Front
		source transport.TokenSource
	}{transport.KindAccount: {project, wiretest.Token("secret-token")}, transport.KindProject: {account, access}} {
		remote := wiretest.DialAs(t, tc.front.URL, tc.source, transport.Options{Known: transport.Facts{Kind: insisted}, Forced: true})
		_, err := remote.ReadManifest(t.Context())
		wiretest.OneClass(t, err, transport.ErrOtherKind)
		wiretest.OneLine(t, err)
		if remote.Kind() != insisted {
			t.Errorf("%s became %s", insisted, remote.Kind())
		}
	}
	_, err := wiretest.DialAs(t, project.URL, wiretest.Token("secret-token"), transport.Options{Known: transport.Facts{Kind: "account"}, Forced: true}).
		PushMutations(t.Context(), wiretest.Two(), "")
	wiretest.OneClass(t, err, transport.ErrOtherKind)
}

// A proxy that sorts the members of a manifest makes no account server of a
// project server.
func TestASortedManifestIsDoubtedOnce(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{})
	f.Instead(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("project") == "" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "\n { \"chunks\":[],\"version\":1}")
		return true
	})
	for _, forced := range []bool{false, true} {
		remote := wiretest.DialProject(t, f.URL, transport.Options{Forced: forced})
		for range 2 {
			if _, err := remote.ReadManifest(t.Context()); err != nil || remote.Kind() != transport.KindProject {
				t.Errorf("got %v, %q", err, remote.Kind())
			}
		}
		if whats := f.Whats(); !slices.Equal(whats, []string{manifestOf, "GET /sync/pull", manifestOf, manifestOf}) {
			t.Errorf("asked %q", whats)
		}
	}
}

// A refused token tells the kind by its content type; what cannot be told is not
// remembered, and neither is anything of a server that is down.
func TestTheKindOfRefusals(t *testing.T) {
	text := "text/plain; charset=utf-8"
	for name, tc := range map[string]struct {
		status     int
		kind, body string
		known      transport.Kind
		want       transport.Kind
		class      error
	}{
		"a project server's 401":                      {401, text, "unauthorized: invalid bearer token\n", "", "project", transport.ErrUnauthorized},
		"an account server's 401":                     {401, "application/json", wiretest.Failure("invalid or expired token"), "", "account", transport.ErrUnauthorized},
		"a proxy's 401":                               {401, "text/html", "<title>Sign in</title>", "", "", transport.ErrUnauthorized},
		"an account server's, not a project server's": {401, "application/json", wiretest.Failure("invalid token"), "project", "", transport.ErrUnauthorized},
		"a project server's, not an account server's": {401, text, "unauthorized: missing authorization header", "account", "", transport.ErrUnauthorized},
		"500":                     {500, text, "oops", "", "", transport.ErrUnavailable},
		"503":                     {503, "application/json", wiretest.Failure("database unavailable"), "", "", transport.ErrUnavailable},
		"a 400 of something else": {400, "application/json", wiretest.Failure("bad"), "", "", transport.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			var heard wiretest.Kinds
			remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Project: "repo", Retries: -1, Known: transport.Facts{Kind: tc.known}, OnFacts: heard.Add,
				Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
					return wiretest.Answer(req, tc.status, tc.body, "Content-Type: "+tc.kind), nil
				})})
			_, err := remote.ReadManifest(t.Context())
			wiretest.OneClass(t, err, tc.class)
			if remote.Kind() != tc.want {
				t.Errorf("a server of kind %q, want %q", remote.Kind(), tc.want)
			}
			if tc.want == tc.known && len(heard.All) != 0 {
				t.Errorf("heard %q", heard.All)
			}
		})
	}
}

// What is no project server, or none of this project, is named: each row of
// project-server.md 5 that no other test has.
func TestWhatElseStandsThere(t *testing.T) {
	notFound := func(w http.ResponseWriter) { http.Error(w, "404 page not found", http.StatusNotFound) }
	for name, tc := range map[string]struct {
		handler func(w http.ResponseWriter, r *http.Request)
		says    string
	}{
		"engram's daemon": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" {
				notFound(w)
				return
			}
			_, _ = io.WriteString(w, `{"service":"engram","status":"ok","version":"1.16.1"}`)
		}, "is engram's local daemon"},
		"an account server below another path": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/auth/refresh" {
				notFound(w)
				return
			}
			w.WriteHeader(http.StatusMethodNotAllowed)
		}, "although it has the sign-in of an account server"},
		"nothing of ours": {func(w http.ResponseWriter, _ *http.Request) { notFound(w) }, "answers /sync/pull with 404 404 page not found"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []transport.Kind{"", "account", "project"} {
				f := wiretest.Listen(t, http.HandlerFunc(tc.handler))
				withToken := 0
				f.Instead(func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Header.Get("Authorization") != "" && !strings.HasPrefix(r.URL.Path, "/sync/pull") {
						withToken++
					}
					return false
				})
				_, err := wiretest.DialAs(t, f.URL, wiretest.Token("secret-token"), transport.Options{Known: transport.Facts{Kind: kind}}).ReadManifest(t.Context())
				wiretest.OneClass(t, err, transport.ErrNotEngram)
				wiretest.OneLine(t, err)
				if err != nil && !strings.Contains(err.Error(), tc.says) {
					t.Errorf("got %v, want %q", err, tc.says)
				}
				if withToken > 0 {
					t.Error("the probe sent the token along")
				}
			}
		})
	}
}

// A server that wants a project although it got one is no reason to go round in circles.
func TestAServerThatWantsAnotherProject(t *testing.T) {
	n := 0
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"project is required","error_class":"blocked","error_code":"upgrade_blocked_project_required"}`)
	}))
	defer listener.Close()
	_, err := wiretest.DialAs(t, listener.URL, nil, transport.Options{}).ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrRefused)
	if n != 2 {
		t.Errorf("%d requests", n)
	}
}

// No project is an error of its own, which says why there is none. A kind that
// is only remembered is asked for before that.
func TestNoProject(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{})
	account, access := wiretest.AccountServer(t)
	why := fmt.Errorf("nobody named one")
	for _, kind := range []transport.Kind{"", "project"} {
		remote, err := transport.NewRemoteTransport(f.URL, wiretest.Token("secret-token"), transport.Options{Known: transport.Facts{Kind: kind}, NoProject: why})
		if err != nil {
			t.Fatal(err)
		}
		_, err = remote.ReadManifest(t.Context())
		wiretest.OneClass(t, err, transport.ErrNoProject)
		if err == nil || !strings.Contains(err.Error(), why.Error()) {
			t.Errorf("got %v", err)
		}
		if whats := f.Whats(); !slices.Equal(whats, []string{"GET /sync/pull"}) {
			t.Errorf("asked %q", whats)
		}
		other, err := transport.NewRemoteTransport(account.URL, access, transport.Options{Known: transport.Facts{Kind: kind}, NoProject: why})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.ReadManifest(t.Context()); err != nil || other.Kind() != transport.KindAccount {
			t.Errorf("an account server: %v", err)
		}
	}
	remote, err := transport.NewRemoteTransport(f.URL, wiretest.Token("secret-token"), transport.Options{Known: transport.Facts{Kind: "project"}})
	if err != nil {
		t.Fatal(err)
	}
	f.Requests()
	_, err = wiretest.PullPart(t, remote, wiretest.Sample().ID())
	wiretest.OneClass(t, err, transport.ErrNoProject)
	wiretest.OneClass(t, remote.WriteChunk(t.Context(), wiretest.Sample().Entry, wiretest.Sample().Open), transport.ErrNoProject)
	_, err = remote.PushMutations(t.Context(), wiretest.Two(), "")
	wiretest.OneClass(t, err, transport.ErrNoProject)
	if whats := f.Whats(); len(whats) > 0 {
		t.Errorf("asked %q", whats)
	}
}

// A manifest lists the chunks of one project, in the order of their arrival.
func TestTheManifestOfAProject(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{Projects: []string{"repo", "other <&> ä"}})
	repo := wiretest.DialProject(t, f.URL, transport.Options{})
	other := wiretest.DialProject(t, f.URL, transport.Options{Project: "other <&> ä"})
	b, a := wiretest.Part(t, wiretest.Rows("b")), wiretest.Part(t, wiretest.Rows("a"))
	for _, c := range []wiretest.Chunk{b, a} {
		if err := repo.WriteChunk(t.Context(), c.Entry, c.Open); err != nil {
			t.Fatal(err)
		}
	}
	m, err := repo.ReadManifest(t.Context())
	if err != nil || len(m.Entries()) != 2 || m.Entries()[0].ID != b.ID() || m.Entries()[1].ID != a.ID() {
		t.Fatalf("got %v, %v", m, err)
	}
	want := engram.ChunkEntry{ID: b.ID(), CreatedBy: "dev", CreatedAt: "2026-11-22T09:14:58Z", Sessions: 1, Memories: 1}
	if got := m.Entries()[0]; got.ID != want.ID || got.CreatedBy != want.CreatedBy || got.CreatedAt != want.CreatedAt || got.Sessions != 1 || got.Memories != 1 || got.Prompts != 0 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if m, err := other.ReadManifest(t.Context()); err != nil || len(m.Entries()) != 0 {
		t.Errorf("another project: %v, %v", m, err)
	}
	_, err = wiretest.DialProject(t, f.URL, transport.Options{Project: "nope"}).ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), `403 forbidden: project is not allowed (project "nope")`) {
		t.Errorf("got %v", err)
	}
	_, err = wiretest.DialAs(t, f.URL, wiretest.Token("wrong"), transport.Options{Known: transport.Facts{Kind: "project"}}).ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrUnauthorized)
}

// Manifests of version 2, with members that nobody here knows, are read, and
// written back as they are. Source: project-server.md 12.
func TestAManifestOfVersion2(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{})
	f.Instead(func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, `{"version":2,"chunks":[{"id":"0123abcd","created_by":"a","created_at":"2026-01-02T03:04:05Z","sessions":1,"memories":1,"prompts":1,"ownership_mode":"shared"}],"more":1}`)
		return true
	})
	m, err := wiretest.DialProject(t, f.URL, transport.Options{}).ReadManifest(t.Context())
	if err != nil || m.Version() != 2 || len(m.Entries()) != 1 {
		t.Fatalf("got %v, %v", m, err)
	}
	if text, err := m.Entries()[0].MarshalJSON(); err != nil || !strings.Contains(string(text), `"ownership_mode":"shared"`) {
		t.Errorf("got %s, %v", text, err)
	}
}
