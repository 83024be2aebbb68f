package transport_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// A refusal blames a row or a chunk only in a form in which servers answer, and only
// if a message with nothing in it is not refused in the same words.
func TestWhoseRefusalItIs(t *testing.T) {
	const text, json = "text/plain; charset=utf-8", "application/json"
	const canonicalize = "insert mutations: cloudstore: canonicalize materialized mutation batch chunk: mutations[0]: observation payload title is required for upsert"
	for name, tc := range map[string]struct {
		status     int
		kind, body string
		toAll      bool // the gateway says it to a message with nothing in it too
		blames     bool
		class      error
	}{
		"the server's 500 about a row":          {500, text, canonicalize, false, true, transport.ErrRefused},
		"the same in a page":                    {500, "text/html", "<p>" + canonicalize + "</p>", false, false, transport.ErrOutcomeUnknown},
		"the same as no form that servers have": {500, "application/problem+json", `{"error":"decode project"}`, false, false, transport.ErrOutcomeUnknown},
		"the same to everybody":                 {500, text, canonicalize, true, false, transport.ErrRefused},
		"the server's 400 about a row":          {400, json, wiretest.Failure("mutations[0]: entity is required"), false, true, transport.ErrRefused},
		"its words to everybody":                {400, json, wiretest.Failure("mutations[0]: entity is required"), true, false, transport.ErrRefused},
		"the server's limit":                    {413, json, wiretest.Failure("request body too large (max 10MB)"), false, true, transport.ErrRefused},
		"its limit to everybody":                {413, json, wiretest.Failure("request body too large (max 10MB)"), true, false, transport.ErrRefused},
		"a gateway's code":                      {400, json, `{"error":"mutation limit","error_code":"BAD_REQUEST"}`, false, false, transport.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			_, f := wiretest.ProjectServer(t, projectserver.Options{})
			f.Instead(func(w http.ResponseWriter, r *http.Request) bool {
				if body, _ := io.ReadAll(r.Body); r.Method != http.MethodPost || wiretest.Nothing(body) && !tc.toAll {
					return false
				}
				w.Header().Set("Content-Type", tc.kind)
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
				return true
			})
			remote := wiretest.DialProject(t, f.URL, transport.Options{Retries: -1})
			_, err := remote.PushMutations(t.Context(), wiretest.Two(), "")
			if kind := wiretest.KindOf(err); (kind == "content" || tc.status == 413 && kind != "") != tc.blames {
				t.Errorf("got a %q error: %v", kind, err)
			}
			wiretest.OneClass(t, err, tc.class)
			wiretest.OneLine(t, err)
		})
	}
}

// A gateway can begin to refuse at any time: after something was taken the next refusal is
// doubted as the first was, a few times in a process, since that costs requests.
func TestAGatewayThatBeginsToRefuse(t *testing.T) {
	s, f := wiretest.ProjectServer(t, projectserver.Options{})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	good, bad := wiretest.Part(t, wiretest.Rows("C")), wiretest.Part(t, `{"sessions":[{"id":"s"}]}`)
	const push = "POST /sync/push"
	gateway := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, wiretest.Failure("mutations[0]: entity is required"))
		return true
	}
	for round := range 6 {
		if err := remote.WriteChunk(t.Context(), good.Entry, good.Open); err != nil {
			t.Fatal(err)
		}
		if round == 1 {
			f.Instead(gateway)
			if _, err := remote.PushMutations(t.Context(), wiretest.Two(), ""); wiretest.KindOf(err) == "content" {
				t.Errorf("it is believed: %v", err)
			}
			f.Instead(nil)
			continue
		}
		before := s.Requests()[push]
		err := remote.WriteChunk(t.Context(), bad.Entry, bad.Open)
		if err == nil {
			t.Error("a bad chunk was taken")
		}
		if n := s.Requests()[push] - before; n != 2 && round < 4 || n != 1 && round >= 4 {
			t.Errorf("round %d: %d requests: %v", round, n, err)
		}
	}
}
