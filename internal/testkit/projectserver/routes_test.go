package projectserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// Source: project-server.md 1 and 5.
func TestRoutes(t *testing.T) {
	c := start(t, projectserver.Options{Token: token})
	for _, tc := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"GET", "/health", 200, `{"service":"engram-cloud","status":"ok"}`},
		{"POST", "/health", 405, "Method Not Allowed"},
		{"GET", "/", 404, "404 page not found"},
		{"GET", "/sync/pull/", 404, "404 page not found"},
		{"GET", "/Sync/pull", 404, "404 page not found"},
		{"GET", "/auth/refresh", 404, "404 page not found"},
		{"POST", "/auth/refresh", 404, "404 page not found"},
		{"GET", "/sync/search?q=x", 404, "404 page not found"},
		{"GET", "/sync/context", 404, "404 page not found"},
		{"OPTIONS", "/sync/pull", 405, "Method Not Allowed"},
		{"GET", "/sync/push", 405, "Method Not Allowed"},
		{"HEAD", "/sync/pull?project=proj-a", 200, ""},
		{"GET", "/sync/pull", 400, "upgrade_blocked_project_required"},
		{"GET", "/sync/pull?project=%20", 400, "upgrade_blocked_project_required"},
		{"GET", "/sync/pull?project=nope", 403, `{"error":"forbidden: project is not allowed","error_class":"policy","error_code":"policy_forbidden"}`},
		{"GET", "/sync/pull?Project=proj-a", 400, "upgrade_blocked_project_required"},
		{"GET", "/sync/pull?project=proj-a", 200, `{"version":1,"chunks":[]}`},
		{"GET", "/sync/pull?project=%20PROJ--A", 200, `{"version":1,"chunks":[]}`},
		{"GET", "/sync/pull/%20?project=proj-a", 400, "chunkID is required"},
		{"GET", "/sync/pull/deadbeef?project=proj-a", 404, `read chunk: cloudstore: chunk not found: "deadbeef"`},
		{"GET", "/sync/pull/deadbeef", 400, "upgrade_blocked_project_required"},
		{"GET", "/sync/mutations/pull", 200, `"mutations":[]`},
	} {
		a := c.do(tc.method, tc.path, "")
		if a.status != tc.status || !strings.Contains(a.text, tc.text) {
			t.Errorf("%s %s: %d %s, want %d %s", tc.method, tc.path, a.status, a.text, tc.status, tc.text)
		}
		isText := strings.HasPrefix(a.header.Get("Content-Type"), "text/plain")
		if wantText := a.status >= 400 && !strings.HasPrefix(tc.text, "{") && !strings.HasPrefix(tc.text, "upgrade"); isText != wantText {
			t.Errorf("%s %s: content type %q", tc.method, tc.path, a.header.Get("Content-Type"))
		}
		if tc.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
			t.Errorf("%s %s: 405 without Allow", tc.method, tc.path)
		}
	}
}

func TestUnknownPathsNeedNoToken(t *testing.T) {
	c := start(t, projectserver.Options{Token: token})
	c.token = ""
	c.is(c.do("GET", "/auth/login", ""), 404, "404 page not found")
	c.is(c.do("GET", "/health", ""), 200, "engram-cloud")
}

func TestAnOldServerHasNoMutations(t *testing.T) {
	c := start(t, projectserver.Options{NoMutations: true})
	c.is(c.do("GET", "/sync/mutations/pull", ""), 404, "404 page not found")
	c.is(c.mutate(), 404, "404 page not found")
}

// Source: project-server.md 2.
func TestAuthorization(t *testing.T) {
	c := start(t, projectserver.Options{Token: token})
	c.token = ""
	const path = "/sync/pull?project=proj-a"
	c.is(c.do("GET", path, ""), 401, "unauthorized: missing authorization header\n")
	for header, want := range map[string]struct {
		status int
		text   string
	}{
		"Basic abc":               {401, "unauthorized: authorization must use Bearer token\n"},
		"Bearer":                  {401, "unauthorized: authorization must use Bearer token\n"},
		"Bearer wrong":            {401, "unauthorized: invalid bearer token\n"},
		"Bearer " + token + " x":  {401, "unauthorized: authorization must use Bearer token\n"},
		"bEaReR   " + token:       {200, "chunks"},
		"Bearer\t" + token + "  ": {200, "chunks"},
	} {
		a := c.do("GET", path, "", "Authorization: "+header)
		c.is(a, want.status, want.text)
		if a.status == 401 && a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%q: content type %q", header, a.header.Get("Content-Type"))
		}
	}
}

func TestWithoutAuthenticationTheAllowlistHolds(t *testing.T) {
	c := start(t, projectserver.Options{})
	c.is(c.do("GET", "/sync/pull?project=proj-a", "", "Authorization: Basic x"), 200, "chunks")
	c.is(c.do("GET", "/sync/pull?project=nope", ""), 403, "policy_forbidden")
	c = start(t, projectserver.Options{Projects: []string{"*"}})
	c.is(c.do("GET", "/sync/pull?project=nope", ""), 200, "chunks")
	c.is(c.do("GET", "/sync/pull?project=", ""), 400, "upgrade_blocked_project_required")
}

func TestRequestsAreCounted(t *testing.T) {
	c := start(t, projectserver.Options{})
	c.do("GET", "/health", "")
	c.do("GET", "/sync/pull?project=proj-a", "")
	c.do("GET", "/sync/pull?project=proj-b", "")
	want := map[string]int{"GET /health": 1, "GET /sync/pull": 2}
	if diff := cmp.Diff(want, c.server.Requests()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
