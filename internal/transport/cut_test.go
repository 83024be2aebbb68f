package transport_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// closing answers each request with a body that ends with the connection, cut to a part
// of its length: net/http takes it for whole.
func closing(t *testing.T, part int, status int, body string) (url string) {
	t.Helper()
	listener := wiretest.Loopback(t)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, req.Body)
					_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n%s", status, body[:len(body)*part/100])
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// An answer that was cut is an outage, not another server's, and no refusal.
func TestACutAnswerIsAnOutage(t *testing.T) {
	chunk := wiretest.Sample()
	page := `{"mutations":[{"seq":1,"entity":"e","entity_key":"k","op":"o"}],"has_more":false}`
	login := `{"user_id":"u","username":"ana","access_token":"a-cut-access-one","refresh_token":"a-cut-refresh-one","expires_in":3600}`
	for name, tc := range map[string]struct {
		body string
		ask  func(*transport.RemoteTransport) error
	}{
		"manifest": {wiretest.EmptyManifest, func(r *transport.RemoteTransport) error { return wiretest.Second(r.ReadManifest(t.Context())) }},
		"chunk": {chunk.Envelope(t), func(r *transport.RemoteTransport) error {
			return wiretest.Second(r.ReadChunk(t.Context(), chunk.ID(), wiretest.Discard))
		}},
		"page": {page, func(r *transport.RemoteTransport) error { return wiretest.Second(r.PullMutations(t.Context(), 0, 10)) }},
		"login": {login, func(r *transport.RemoteTransport) error {
			return wiretest.Second(r.Login(t.Context(), "ana", "password"))
		}},
	} {
		for _, part := range []int{0, 10, 50, 90, 100} {
			for _, kind := range []transport.Kind{transport.KindAccount, transport.KindProject} {
				if kind == transport.KindProject && name == "chunk" {
					tc.body = chunk.Text // they give it as it is
				}
				remote := wiretest.Dial(t, closing(t, part, http.StatusOK, tc.body), transport.Options{
					Retries: -1, Known: transport.Facts{Kind: kind}, Forced: true, Project: "p",
				})
				err := tc.ask(remote)
				if part == 100 {
					if err != nil && name != "chunk" && !strings.Contains(err.Error(), "kind") {
						t.Errorf("%s, whole: %v", name, err)
					}
					continue
				}
				wiretest.OneClass(t, err, transport.ErrUnavailable)
				wiretest.OneLine(t, err)
				if err != nil && t.Failed() {
					t.Fatalf("%s, %d %% of it from an %s server", name, part, kind)
				}
			}
		}
	}
}

// So is one that says no, and was cut: what it was about may have stood there.
func TestACutRefusalIsAnOutage(t *testing.T) {
	for _, status := range []int{400, 403, 404, 409, 415} {
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: -1, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			resp := wiretest.Answer(req, status, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"error":"proj`), failing{}))
			return resp, nil
		})})
		_, err := remote.ReadChunk(t.Context(), wiretest.Sample().ID(), wiretest.Discard)
		wiretest.OneClass(t, err, transport.ErrUnavailable)
		if err == nil || !strings.Contains(err.Error(), "the answer was cut") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The portal of a network that wants a login says 200 to everything: that is its page, and
// no damaged chunk.
func TestAPortalIsNoDamage(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<html><title>Welcome to the hotel</title></html>")
	}))
	defer s.Close()
	for _, kind := range []transport.Kind{transport.KindAccount, transport.KindProject} {
		remote := wiretest.Dial(t, s.URL, transport.Options{Known: transport.Facts{Kind: kind}, Forced: true, Project: "p"})
		for name, err := range map[string]error{
			"manifest": wiretest.Second(remote.ReadManifest(t.Context())),
			"chunk":    wiretest.Second(remote.ReadChunk(t.Context(), wiretest.Sample().ID(), wiretest.Discard)),
			"page":     wiretest.Second(remote.PullMutations(t.Context(), 0, 10)),
		} {
			wiretest.OneClass(t, err, transport.ErrNotEngram)
			if !strings.Contains(err.Error(), `200 an HTML page "Welcome to the hotel"`) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
