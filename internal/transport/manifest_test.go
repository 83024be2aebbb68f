package transport_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// readFrom reads the manifest from a server that answers every path as given.
func readFrom(t *testing.T, answers func(req *http.Request) *http.Response) (*engram.Manifest, error) {
	t.Helper()
	return wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		return answers(req), nil
	})}).ReadManifest(t.Context())
}

func TestTheManifestOfAServer(t *testing.T) {
	m, err := readFrom(t, func(req *http.Request) *http.Response {
		if req.Method != http.MethodGet || req.URL.String() != wiretest.Somewhere+"/sync/pull" {
			t.Errorf("%s %s", req.Method, req.URL)
		}
		return wiretest.Answer(req, http.StatusOK, `{"chunks":[`+
			`{"id":"0cdb38de","created_by":"a","created_at":"2026-11-22T08:42:23.96661Z","sessions":1,"memories":2,"prompts":3},`+
			`{"id":"ABCDEF12","created_by":"b","created_at":"2026-11-22T08:42:23Z","sessions":0,"memories":0,"prompts":0},`+
			`{"id":"../../../etc","created_by":"c","created_at":"2026-11-22T08:42:23Z","sessions":0,"memories":0,"prompts":0},`+
			`{"id":"9e9a732d","created_by":"d","created_at":"yesterday","sessions":0,"memories":0,"prompts":0},`+
			`{"id":"ca8b5346","created_by":"e","created_at":"2026-11-22T03:56:06.966054-05:00","sessions":-1,"memories":0,"prompts":0},`+
			`7],"version":1}`+"\n")
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Entries()) != 1 || m.Entries()[0].ID.String() != "0cdb38de" || m.Entries()[0].CreatedAt != "2026-11-22T08:42:23.96661Z" {
		t.Errorf("entries %v", m.Entries())
	}
	var rejected []string
	for _, r := range m.Rejected() {
		rejected = append(rejected, r.ID)
	}
	if diff := cmp.Diff([]string{"ABCDEF12", "../../../etc", "9e9a732d", "ca8b5346", ""}, rejected); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
}

// Writing it is the server's business.
func TestWritingTheManifestAsksNobody(t *testing.T) {
	seen := &wiretest.Recorder{}
	if err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: seen}).WriteManifest(t.Context(), engram.NewManifest()); err != nil || len(seen.Seen) != 0 {
		t.Errorf("%v, %d requests", err, len(seen.Seen))
	}
}

func TestAnswersThatAreNoManifest(t *testing.T) {
	for name, tc := range map[string]struct {
		body  string
		class error
		says  string
	}{
		"nothing":          {"", transport.ErrNotEngram, "not a manifest"},
		"an empty object":  {"{}", transport.ErrNotEngram, "missing"},
		"null":             {"null", transport.ErrNotEngram, "not a manifest"},
		"a list":           {"[]", transport.ErrNotEngram, "not a manifest"},
		"chunks no list":   {`{"version":1,"chunks":{}}`, transport.ErrNotEngram, "not a list"},
		"no version":       {`{"chunks":[]}`, transport.ErrNotEngram, "missing"},
		"members twice":    {`{"version":1,"chunks":[],"chunks":[]}`, transport.ErrNotEngram, "twice"},
		"another spelling": {`{"version":1,"Chunks":[],"chunks":[]}`, transport.ErrNotEngram, "spelling"},
		"an HTML page":     {"<!DOCTYPE html>\n<title>\x1b[31mWelcome</title>", transport.ErrNotEngram, "not a manifest"},
		"compressed":       {wiretest.Zipped(wiretest.EmptyManifest), transport.ErrNotEngram, "not a manifest"},
		"too large":        {`{"version":1,"chunks":[]}` + strings.Repeat(" ", 64<<20), transport.ErrRefused, "67108864 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := readFrom(t, func(req *http.Request) *http.Response { return wiretest.Answer(req, http.StatusOK, tc.body) })
			if m != nil || err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want an error that says %q", err, tc.says)
			}
			wiretest.OneClass(t, err, tc.class)
			wiretest.OneLine(t, err)
		})
	}
}

// An endless manifest costs no more than its limit.
func TestAnEndlessManifestIsGivenUp(t *testing.T) {
	m, err := readFrom(t, func(req *http.Request) *http.Response {
		resp := wiretest.Answer(req, http.StatusOK, "")
		resp.Body = io.NopCloser(&wiretest.Endless{})
		return resp
	})
	if m != nil {
		t.Error("got a manifest")
	}
	wiretest.OneClass(t, err, transport.ErrRefused)
}

// The probe tells what kind of server stands there. Source: project-server.md 5.
func TestOtherServersAreRecognised(t *testing.T) {
	text := "Content-Type: text/plain; charset=utf-8"
	blocked := `{"error":"project is required","error_class":"blocked","error_code":"upgrade_blocked_project_required"}`
	for name, tc := range map[string]struct {
		answer func(req *http.Request) *http.Response
		health string
		class  error
		says   string
	}{
		"project server": {func(req *http.Request) *http.Response { return wiretest.Answer(req, 400, blocked) }, "", transport.ErrNoProject, "no project is known"},
		"project server, bad token": {func(req *http.Request) *http.Response {
			return wiretest.Answer(req, 401, "unauthorized: invalid token\n", text)
		}, "", transport.ErrUnauthorized, "unauthorized: invalid token"},
		"account server, bad token": {func(req *http.Request) *http.Response {
			return wiretest.Answer(req, 401, wiretest.Failure("invalid or expired token"))
		}, "", transport.ErrUnauthorized, "401 invalid or expired token"},
		"a 401 that only looks so": {func(req *http.Request) *http.Response {
			return wiretest.Answer(req, 401, wiretest.Failure("unauthorized: invalid token"))
		}, "", transport.ErrUnauthorized, "401"},
		"other 400":    {func(req *http.Request) *http.Response { return wiretest.Answer(req, 400, wiretest.Failure("bad")) }, "", transport.ErrRefused, "400 bad"},
		"local daemon": {func(req *http.Request) *http.Response { return wiretest.Answer(req, 404, "404 page not found\n", text) }, `{"service":"engram","status":"ok"}`, transport.ErrNotEngram, "local daemon"},
		"other server": {func(req *http.Request) *http.Response { return wiretest.Answer(req, 404, "404 page not found\n", text) }, `{"service":"x"}`, transport.ErrNotEngram, "answers /sync/pull with 404 404 page not found"},
		"wrong method": {func(req *http.Request) *http.Response { return wiretest.Answer(req, 405, "", text) }, "no JSON", transport.ErrNotEngram, "405 method not allowed"},
		"HTML":         {func(req *http.Request) *http.Response { return proxyPage(req, 404) }, "", transport.ErrNotEngram, `an HTML page "Bad Gateway": is there a proxy`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readFrom(t, func(req *http.Request) *http.Response {
				if req.URL.Path == "/health" {
					return wiretest.Answer(req, http.StatusOK, tc.health)
				}
				return tc.answer(req)
			})
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want an error that says %q", err, tc.says)
			}
			wiretest.OneClass(t, err, tc.class)
			wiretest.OneLine(t, err)
		})
	}
}

// The words of a server reach a terminal without its tricks, in whatever shape
// they come.
func TestWordsOfAServerAreMadeSafe(t *testing.T) {
	const evil = "a\x1b[31m\x1b]0;title\x07 b\r\nc\td\u202e \u009bx\x00\x7f"
	const safe = "a[31m]0;title b cd"
	escaped := strings.NewReplacer("\x1b", `\u001b`, "\x07", `\u0007`, "\r\n", `\r\n`, "\t", ``, "\x00", `\u0000`, "\x7f", `\u007f`).Replace(evil)
	for name, tc := range map[string]struct {
		kind, body, want string
	}{
		"JSON":      {"application/json", `{"error":"` + escaped + `"}`, safe},
		"text":      {"text/plain", strings.ReplaceAll(evil, "\t", "") + "\nmore", "a[31m]0;title b"},
		"HTML":      {"text/html; charset=utf-8", "<head><TITLE lang=x>" + strings.ReplaceAll(evil, "\t", "") + "</TITLE>", safe},
		"no UTF-8":  {"text/plain", "caf\xe9", "caf\ufffd"},
		"very long": {"text/plain", strings.Repeat("é", 60_000), strings.Repeat("é", 300) + "…"},
		"bad type":  {"text/plain; charset=\x01", "words", "403 forbidden"},
		"bad JSON":  {"application/json", "{", "403 forbidden"},
		"empty":     {"application/json", `{"error":""}`, "403 forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readFrom(t, func(req *http.Request) *http.Response {
				return wiretest.Answer(req, http.StatusForbidden, tc.body, "Content-Type: "+tc.kind)
			})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, want %q", err, tc.want)
			}
			wiretest.OneClass(t, err, transport.ErrRefused)
			wiretest.OneLine(t, err)
		})
	}
}

// So do those that net/http repeats in its errors.
func TestWordsOfTheNetworkAreMadeSafe(t *testing.T) {
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: -1, Base: wiretest.Base(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("x509: certificate is valid for \x1b[31mevil\n" + strings.Repeat("name, ", 10_000))
	})})
	_, err := remote.ReadManifest(t.Context())
	wiretest.OneLine(t, err)
	wiretest.OneClass(t, err, transport.ErrUnavailable)
}
