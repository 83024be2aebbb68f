package httplayer_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// Within the origin a GET follows, and the token goes along.
func TestRedirectsWithinTheOriginAreFollowed(t *testing.T) {
	for _, location := range []string{
		"/sync/pull/", "https://ENGRAM.example.com:443/elsewhere", "//engram.example.com/x", "?again=1",
	} {
		var seen []string
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			seen = append(seen, req.Header.Get("Authorization"))
			if len(seen) == 1 {
				return wiretest.Answer(req, http.StatusTemporaryRedirect, "", "Location: "+location), nil
			}
			return wiretest.Answer(req, http.StatusOK, wiretest.EmptyManifest), nil
		})})
		_, err := remote.ReadManifest(t.Context())
		if err != nil || len(seen) != 2 || seen[1] != "Bearer secret-token" {
			t.Errorf("%s: %v, tokens %q", location, err, seen)
		}
	}
}

// Below a prefix a GET follows, and beside it neither token nor request goes: who
// serves the rest of the host is somebody else.
func TestRedirectsStayBelowTheBaseURL(t *testing.T) {
	for location, followed := range map[string]bool{
		"/team/engram/sync/pull/": true, "/team/engram": true, "?again=1": true, "https://engram.example.com/team/engram/v2/sync/pull": true,
		"/": false, "/login": false, "/team/engram2/sync/pull": false, "/team": false, "/TEAM/engram/sync/pull": false,
		"/team/engram/../x": false, "/team/engram/%2e%2e/x": false, "/team/engram/..%2fx": false, "/team/engram/..;a=b/x": false,
		`/team/engram/..\x`: false, `/team/engram/%2e%2e%5cx`: false, "/team%2fengram/x": false, "//evil.example/team/engram/sync/pull": false,
	} {
		var seen []string
		remote := wiretest.Dial(t, wiretest.Somewhere+"/team/engram/", transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			seen = append(seen, req.Header.Get("Authorization"))
			if len(seen) == 1 {
				return wiretest.Answer(req, http.StatusTemporaryRedirect, "", "Location: "+location), nil
			}
			return wiretest.Answer(req, http.StatusOK, wiretest.EmptyManifest), nil
		})})
		_, err := remote.ReadManifest(t.Context())
		if followed != (err == nil) || followed != (len(seen) == 2) || followed && seen[1] != "Bearer secret-token" {
			t.Errorf("%s: %v, tokens %q", location, err, seen)
		}
		if !followed {
			wiretest.OneClass(t, err, transport.ErrNotEngram)
		}
	}
}

// Across origins nothing goes: no token, no request.
func TestRedirectsAcrossOriginsAreNotFollowed(t *testing.T) {
	for _, location := range []string{
		"http://engram.example.com/sync/pull", "http://engram.example.com:443/sync/pull", "https://engram.example.com:8443/sync/pull", "https://evil.com/sync/pull",
		"https://engram.example.com.evil.com/", "https://engram.example.com@evil.com/", "//evil.com/", `https://engram.example.com%2eevil.com/`,
		"ftp://engram.example.com/", "file:///etc/passwd",
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			seen := 0
			remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
				seen++
				return wiretest.Answer(req, status, "", "Location: "+location), nil
			})})
			_, err := remote.ReadManifest(t.Context())
			if seen != 1 {
				t.Errorf("%d to %s: %d requests", status, location, seen)
			}
			wiretest.OneLine(t, err)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%d to %s: %v", status, location, err)
			}
		}
	}
}

func TestARedirectThatIsNotFollowedNamesTheWayOut(t *testing.T) {
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		return wiretest.Answer(req, http.StatusMovedPermanently, "", "Location: https://u:pw@new.example.com/x?secret#y"), nil
	})})
	_, err := remote.ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrNotEngram)
	if err == nil || !strings.Contains(err.Error(), "https://new.example.com/x,") {
		t.Errorf("got %v", err)
	}
}

func TestARedirectLoopEnds(t *testing.T) {
	seen := 0
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		seen++
		return wiretest.Answer(req, http.StatusFound, "", "Location: /sync/pull"), nil
	})})
	_, err := remote.ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrNotEngram)
	if seen != 6 {
		t.Errorf("%d requests, want 6", seen)
	}
}

// No redirect of a push is followed: not as a GET, not with its body, not
// anywhere. And the content is opened once, and closed.
func TestRedirectsOfAPushAreNeverFollowed(t *testing.T) {
	var other atomic.Int32
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other.Add(1) }))
	defer stranger.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{"same origin": "/sync/push/", "other origin": stranger.URL} {
			t.Run(fmt.Sprintf("%d %s", status, name), func(t *testing.T) {
				var seen atomic.Int32
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					seen.Add(1)
					_, _ = io.Copy(io.Discard, r.Body)
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				}))
				opened := &wiretest.Openings{Chunk: wiretest.Sample()}
				err := wiretest.Dial(t, server.URL, transport.Options{}).WriteChunk(t.Context(), opened.Chunk.Entry, opened.Open)
				server.Close() // waits for the connections
				wiretest.OneClass(t, err, transport.ErrNotEngram)
				var answered *transport.StatusError
				if !errors.As(err, &answered) || answered.Status != status {
					t.Errorf("got %v", err)
				}
				if seen.Load() != 1 || other.Load() != 0 {
					t.Errorf("%d requests, %d to a stranger", seen.Load(), other.Load())
				}
				if opened.Count() != 1 {
					t.Errorf("opened %d times", opened.Count())
				}
				opened.AllClosed(t)
			})
		}
	}
}
