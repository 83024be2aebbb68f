package baseurl_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport"
)

func TestBaseURLsHaveOneForm(t *testing.T) {
	for text, want := range map[string]string{
		"https://engram.example.com":           "https://engram.example.com",
		"HTTPS://Engram.Example.COM/":          "https://engram.example.com",
		" https://engram.example.com///\n":     "https://engram.example.com",
		"https://engram.example.com:443":       "https://engram.example.com",
		"http://engram.example.com:80/":        "http://engram.example.com",
		"http://engram.example.com:443":        "http://engram.example.com:443",
		"http://engram.example.com:08080":      "http://engram.example.com:8080",
		"https://engram.example.com/Cloud/":    "https://engram.example.com/Cloud",
		"https://engram.example.com/a%2Fb/c/":  "https://engram.example.com/a%2Fb/c",
		"https://engram.example.com/a b":       "https://engram.example.com/a%20b",
		"http://127.0.0.1:8765":                "http://127.0.0.1:8765",
		"http://[::1]:80/x":                    "http://[::1]/x",
		"http://[::1]:8080":                    "http://[::1]:8080",
		"http://[0:0:0:0:0:0:0:1]:8080":        "http://[::1]:8080",
		"http://[FE80::1%25Eth0]:8080":         "http://[fe80::1%25Eth0]:8080", // zones keep their letter case
		"https://BÜCHER.example":               "https://b%C3%BCcher.example",
		"https://xn--bcher-kva.example:65535/": "https://xn--bcher-kva.example:65535",
	} {
		remote, err := transport.NewRemoteTransport(text, nil, transport.Options{})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := remote.URL(); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
		if again, err := transport.NewRemoteTransport(remote.URL(), nil, transport.Options{}); err != nil || again.URL() != want {
			t.Errorf("%q is not stable: %v", want, err)
		}
	}
}

func TestBadBaseURLsAreRefused(t *testing.T) {
	for text, reason := range map[string]string{
		"":                                      "http:// or https://",
		"engram.example.com":                    "http:// or https://",
		"ftp://engram.example.com":              "http:// or https://",
		"file:///etc/passwd":                    "http:// or https://",
		"//engram.example.com":                  "http:// or https://",
		"localhost:8080":                        "http:// or https://",
		"http://":                               "no host",
		"http:///x":                             "no host",
		"http:engram.example.com":               "no host",
		"http://:8080":                          "no host",
		`http:\\engram.example.com`:             "no host",
		`http://engram.example.com\@evil.com/`:  "cannot be parsed",
		"http://engram.example.com:":            "port is missing",
		"http://engram.example.com:0":           "not a port",
		"http://engram.example.com:99999":       "not a port",
		"http://engram.example.com:8o80":        "cannot be parsed",
		"http://engram.example.com:-1":          "cannot be parsed",
		"http://user@engram.example.com":        "user or password",
		"http://u:hunter2@engram.example.com":   "user or password",
		"http://u:hunter2%zz@engram.example":    "cannot be parsed",
		"http://u:hunter2@engram.example:x":     "cannot be parsed",
		"http://@engram.example.com":            "user or password",
		"http://engram.example.com?x=hunter2":   "query or a fragment",
		"http://engram.example.com/?":           "query or a fragment",
		"http://engram.example.com/#hunter2":    "query or a fragment",
		"http://engram.example.com#":            "query or a fragment",
		"http://engram.example.com/\x00hunter2": "cannot be parsed",
		"http://engram\r\nX-Evil: 1":            "cannot be parsed",
		"http://engram example.com":             "cannot be parsed",
		"http://[::1":                           "cannot be parsed",
		"http://[engram.example.com]":           "",
		"http://engram\".example.com":           "no host has",
		"http://a<b>c":                          "no host has",
		"http://ⓛocalhost":                      "no host has",
		"http://[::1%25a\xff]":                  "no host has",
		"http://%41.example.com":                "cannot be parsed",
	} {
		_, err := transport.NewRemoteTransport(text, nil, transport.Options{})
		if !errors.Is(err, transport.ErrBadURL) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: got %v, want a bad URL: %q", text, err, reason)
			continue
		}
		wiretest.OneLine(t, err)
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error repeats a secret: %v", err)
		}
	}
}

// Requests go below the path of the base URL, whatever it holds.
func TestRequestsStayBelowTheBasePath(t *testing.T) {
	for text, want := range map[string]string{
		"https://h.example/cloud/": "https://h.example/cloud/sync/pull",
		"https://h.example/a%2Fb":  "https://h.example/a%2Fb/sync/pull",
		"https://h.example/a%3Fb":  "https://h.example/a%3Fb/sync/pull",
		"https://h.example/a%23b":  "https://h.example/a%23b/sync/pull",
	} {
		var got []string
		remote := wiretest.Dial(t, text, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			got = append(got, req.URL.String())
			return wiretest.Answer(req, http.StatusOK, `{"version":1,"chunks":[]}`), nil
		})})
		if _, err := remote.ReadManifest(t.Context()); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q: asked for %q, %v; want %q", text, got, err, want)
		}
	}
}

// FuzzBaseURL: a URL that is accepted has one stable form without secrets, and
// its requests go to its own host.
func FuzzBaseURL(f *testing.F) {
	for _, seed := range []string{
		"https://h", "http://[::1%25eth0]:80//", "http://u:p@h", "http://h?#", "http://h:99999", `http:\\h`, "http://K.example", "http://h/%2F//",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		remote, err := transport.NewRemoteTransport(text, nil, transport.Options{})
		if err != nil {
			if !errors.Is(err, transport.ErrBadURL) {
				t.Errorf("%q: %v is no ErrBadURL", text, err)
			}
			wiretest.OneLine(t, err)
			return
		}
		again, err := transport.NewRemoteTransport(remote.URL(), nil, transport.Options{})
		if err != nil || again.URL() != remote.URL() {
			t.Fatalf("%q became %q, which is not stable: %v", text, remote.URL(), err)
		}
		u, err := url.Parse(remote.URL() + "/sync/pull")
		if err != nil {
			t.Fatal(err)
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Hostname() == "" || !strings.HasSuffix(u.Path, "/sync/pull") {
			t.Errorf("%q became %q", text, remote.URL())
		}
	})
}
