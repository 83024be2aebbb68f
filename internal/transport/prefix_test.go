package transport_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// Where the path before the server's is missing, something else answers. That is no
// server without a sign-in.
func TestAMissingPrefixIsNoServerWithoutASignIn(t *testing.T) {
	for name, page := range map[string][]string{
		"nginx":        {"<html><title>404 Not Found</title></html>", "Content-Type: text/html"},
		"one in Go":    {"404 page not found\n", "Content-Type: text/plain"},
		"without text": {""},
	} {
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			return wiretest.Answer(req, http.StatusNotFound, page[0], page[1:]...), nil
		})})
		_, err := remote.Login(t.Context(), "ana", "password")
		wiretest.OneClass(t, err, transport.ErrNotEngram)
		if errors.Is(err, transport.ErrNoSignIn) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A redirect names the URL to set, which is that of the server and not of a request.
func TestARedirectNamesTheBaseURL(t *testing.T) {
	for location, want := range map[string]string{
		"https://new.example.com/sync/pull":        ": if that is the right server, set the remote's URL to https://new.example.com",
		"https://new.example.com/team/sync/pull/":  ": if that is the right server, set the remote's URL to https://new.example.com/team",
		"https://new.example.com/team/sync/pull?x": ": if that is the right server, set the remote's URL to https://new.example.com/team",
		"https://sso.example.com/login":            "redirects to https://sso.example.com/login, which is not followed",
	} {
		remote := wiretest.Dial(t, wiretest.Somewhere+"/team", transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			return wiretest.Answer(req, http.StatusMovedPermanently, "", "Location: "+location), nil
		})})
		_, err := remote.ReadManifest(t.Context())
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", location, err)
		}
	}
}
