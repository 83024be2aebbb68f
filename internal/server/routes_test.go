package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
)

const (
	missing    = `{"error":"missing authorization header"}` + "\n"
	badToken   = `{"error":"invalid or expired token"}` + "\n"
	notFound   = "404 page not found\n"
	healthy    = `{"service":"engram-cloud","status":"ok","version":"0.1.0"}` + "\n"
	wrongVerb  = "Method Not Allowed\n"
	noMethod   = http.StatusMethodNotAllowed
	jsonHeader = "application/json"
	textHeader = "text/plain; charset=utf-8"
)

// The rows of account-server.md 1.1 and 1.2 that are about the router.
func TestRoutesAnswerAsTheReferenceServerDoes(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	tests := []struct {
		method, path string
		status       int
		contentType  string
		body         string // of a GET; "" for a HEAD
		header       string // another header that must be there
	}{
		{"GET", "/health", 200, jsonHeader, healthy, ""},
		{"HEAD", "/health", 200, jsonHeader, "", ""},
		{"POST", "/health", noMethod, textHeader, wrongVerb, "Allow: GET, HEAD"},
		{"GET", "/auth/login", noMethod, textHeader, wrongVerb, "Allow: POST"},
		{"OPTIONS", "/sync/pull", noMethod, textHeader, wrongVerb, "Allow: GET, HEAD"},
		{"HEAD", "/sync/mutations/pull", 200, jsonHeader, "", "Engram-Sync-Head: 0"},
		{"POST", "/sync/mutations/pull", noMethod, textHeader, wrongVerb, "Allow: GET, HEAD"},
		{"GET", "/sync/mutations/push", noMethod, textHeader, wrongVerb, "Allow: POST"},
		{"GET", "/sync/push", noMethod, textHeader, wrongVerb, "Allow: POST"},
		{"PUT", "/auth/api-key", noMethod, textHeader, wrongVerb, "Allow: DELETE, POST"},
		{"GET", "/", 404, textHeader, notFound, ""},
		{"GET", "/nothing", 404, textHeader, notFound, ""},
		{"GET", "/health/", 404, textHeader, notFound, ""},
		{"GET", "/sync/pull/", 404, textHeader, notFound, ""},
		{"POST", "/sync/push/", 404, textHeader, notFound, ""},
		{"GET", "/sync/pull/a/b", 404, textHeader, notFound, ""},
		{"GET", "//sync/pull", 307, "text/html; charset=utf-8", "<a href=\"/sync/pull\">Temporary Redirect</a>.\n\n", "Location: /sync/pull"},
		{"GET", "/sync/pull/..", 307, "text/html; charset=utf-8", "", "Location: /sync"},
		{"POST", "//sync/push", 307, "", "", "Location: /sync/push"},
		{"GET", "/sync/pull?anything=%zz", 200, jsonHeader, `{"chunks":[],"version":1}` + "\n", ""},
		{"HEAD", "/sync/pull", 200, jsonHeader, "", ""},
		{"GET", "/sync/pull/0cdb38de", 404, jsonHeader, `{"error":"chunk not found"}` + "\n", ""},
		{"HEAD", "/sync/pull/0cdb38de", 404, jsonHeader, "", ""},
		{"GET", "/sync/pull/a%2Fb", 404, jsonHeader, `{"error":"chunk not found"}` + "\n", ""},
		{"GET", "/sync/pull/%00%ff", 404, jsonHeader, `{"error":"chunk not found"}` + "\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			r := c.do(tt.method, tt.path, nil)
			r.want(t, tt.status, tt.body)
			if got := r.header.Get("Content-Type"); got != tt.contentType {
				t.Errorf("content type %q, want %q", got, tt.contentType)
			}
			if name, value, ok := strings.Cut(tt.header, ": "); ok && r.header.Get(name) != value {
				t.Errorf("%s is %q, want %q", name, r.header.Get(name), value)
			}
		})
	}
}

// What needs an account answers 401 without one, whatever else is wrong.
func TestProtectedRoutesWantAnAccountFirst(t *testing.T) {
	c := listen(t, open(t, server.Options{})).as("")
	for _, route := range []string{
		"POST /auth/api-key", "DELETE /auth/api-key", "POST /sync/push", "GET /sync/pull", "GET /sync/pull/nonsense",
		"POST /sync/mutations/push", "GET /sync/mutations/pull?since_seq=nonsense",
	} {
		method, path, _ := strings.Cut(route, " ")
		r := c.do(method, path, strings.NewReader("not json"))
		r.want(t, http.StatusUnauthorized, missing)
		if got := r.header.Get("WWW-Authenticate"); got != "" {
			t.Errorf("%s: WWW-Authenticate %q, which the reference server does not send", route, got)
		}
	}
}

func TestHealthTellsOfALostDatabase(t *testing.T) {
	s, err := server.Open(t.Context(), server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c := listen(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.get("/health").want(t, http.StatusServiceUnavailable,
		`{"database":"unavailable","service":"engram-cloud","status":"degraded","version":"0.1.0"}`+"\n")
	const unavailable = `{"error":"database unavailable"}` + "\n"
	c.get("/sync/pull").want(t, http.StatusServiceUnavailable, unavailable)
	c.get("/sync/pull/0cdb38de").want(t, http.StatusServiceUnavailable, unavailable)
	c.as("eng_anything").get("/sync/pull").want(t, http.StatusServiceUnavailable, unavailable)
	c.post("/sync/push", `{"chunk_id":"0cdb38de"}`).want(t, http.StatusServiceUnavailable, unavailable)
	c.get("/sync/mutations/pull").want(t, http.StatusServiceUnavailable, unavailable)
	c.post("/sync/mutations/push", mutations(`{}`)).want(t, http.StatusServiceUnavailable, unavailable)
	c.post("/auth/login", `{"identifier":"a","password":"b"}`).want(t, http.StatusServiceUnavailable, unavailable)
}
