package network_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

func recorded(name string) string { return "testdata/proxies/" + name + ".http" }

// environ is an environment that has only these variables.
func environ(pairs ...string) func(string) string {
	return func(name string) string {
		for _, pair := range pairs {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// A variable that names no proxy is an error, which repeats nothing of it, and never a
// direct connection.
func TestVariablesThatNameNoProxy(t *testing.T) {
	for _, value := range []string{
		"ftp://proxy:1", "socks4://proxy:1080", "http://", "http://:3128", "http://pro xy", "://", "http://proxy:", "proxy:port", "http://proxy:99999",
		"http://u:hunter2@pro\x7fxy", "%zz://hunter2", "file:///hunter2",
	} {
		for _, url := range []string{"http://engram.example.com", "https://engram.example.com"} {
			for _, name := range []string{"http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"} {
				scheme, _, _ := strings.Cut(url, ":")
				if counts := strings.EqualFold(name, scheme+"_proxy") || strings.EqualFold(name, "all_proxy"); !counts {
					continue
				}
				_, err := transport.NewRemoteTransport(url, nil, transport.Options{Getenv: environ(name + "=" + value)})
				wiretest.OneClass(t, err, transport.ErrProxy)
				wiretest.OneLine(t, err)
				if err != nil && (!strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2")) {
					t.Errorf("%s=%q: %v", name, value, err)
				}
				for _, except := range []string{"NO_PROXY=engram.example.com", "no_proxy=.example.com", "NO_PROXY=*"} {
					if _, err := transport.NewRemoteTransport(url, nil, transport.Options{Getenv: environ(name+"="+value, except)}); err != nil {
						t.Errorf("%s=%q, %s: %v", name, value, except, err)
					}
				}
			}
		}
	}
	if _, err := transport.NewRemoteTransport("http://127.0.0.1:1", nil, transport.Options{Getenv: environ("HTTP_PROXY=ftp://x")}); err != nil {
		t.Errorf("loopback goes through no proxy: %v", err)
	}
}

// Each variable leads through the proxy that it names, with its password, in any spelling.
func TestProxiesAreGoneThrough(t *testing.T) {
	for _, variable := range []string{"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"} {
		for _, prefix := range []string{"", "http://", "HTTP://", "http://ana:hunter2@"} {
			var seen *http.Request
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen = r
				_, _ = io.WriteString(w, wiretest.EmptyManifest)
			}))
			value := prefix + strings.TrimPrefix(proxy.URL, "http://")
			_, err := wiretest.Dial(t, "http://engram.example.com", transport.Options{Getenv: environ(variable + "=" + value), InsecureHTTP: true}).ReadManifest(t.Context())
			proxy.Close()
			if err != nil || seen == nil || seen.RequestURI != "http://engram.example.com/sync/pull" || strings.Contains(prefix, "@") != (seen.Header.Get("Proxy-Authorization") != "") {
				t.Errorf("%s=%s: %v", variable, value, err)
			}
		}
	}
}

// A SOCKS proxy is asked for the server by its name.
func TestSOCKSWorks(t *testing.T) {
	for _, scheme := range []string{"socks5", "socks5h"} {
		asked := make(chan string, 1)
		listener := wiretest.Loopback(t)
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			buf := make([]byte, 300)
			_, _ = io.ReadFull(conn, buf[:3])
			_, _ = conn.Write([]byte{5, 0})
			_, _ = io.ReadFull(conn, buf[:5])
			_, _ = io.ReadFull(conn, buf[5:5+int(buf[4])+2])
			asked <- string(buf[5 : 5+int(buf[4])])
			_, _ = conn.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 80})
			_, _ = conn.Read(buf)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n"+wiretest.EmptyManifest)
		}()
		_, err := wiretest.Dial(t, "http://engram.example.com", transport.Options{
			Getenv: environ("ALL_PROXY=" + scheme + "://" + listener.Addr().String()), InsecureHTTP: true,
		}).ReadManifest(t.Context())
		_ = listener.Close()
		if err != nil || <-asked != "engram.example.com" {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

// What a real proxy refuses is the proxy's, and named with its variable: at once, and
// before anything was sent to the server.
func TestARefusingProxyIsNamed(t *testing.T) {
	for _, tc := range []struct {
		file, url string
		class     error
		words     string
	}{
		{"squid-connect-407", "https://engram.example.com", transport.ErrProxy, "407 proxy authentication required"},
		{"squid-407", "http://engram.example.com", transport.ErrProxy, "407 proxy authentication required"},
		{"squid-connect-403", "https://engram.example.com", transport.ErrProxy, "403 forbidden"},
		{"squid-connect-503", "https://engram.example.com", transport.ErrUnavailable, "503 service unavailable"},
	} {
		t.Run(tc.file, func(t *testing.T) {
			proxy := wiretest.NewReplay(t, recorded(tc.file))
			remote := wiretest.Dial(t, tc.url, transport.Options{Getenv: environ("ALL_PROXY=" + proxy.Addr), InsecureHTTP: true, Retries: 1})
			for name, err := range map[string]error{
				"pull": wiretest.Second(remote.ReadManifest(t.Context())),
				"push": remote.WriteChunk(t.Context(), wiretest.Sample().Entry, wiretest.Sample().Open),
			} {
				wiretest.OneClass(t, err, tc.class)
				wiretest.OneLine(t, err)
				var named *transport.ProxyError
				if !errors.As(err, &named) || !strings.Contains(err.Error(), "the proxy "+proxy.Addr+" (from ALL_PROXY) answers "+tc.words) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if want := map[bool]int{true: 2, false: 4}[errors.Is(tc.class, transport.ErrProxy)]; len(proxy.Seen()) != want {
				t.Errorf("asked %q, want %d times", proxy.Seen(), want)
			}
		})
	}
}

// So is one that is not there.
func TestADeadProxyIsNamed(t *testing.T) {
	listener := wiretest.Loopback(t)
	addr := listener.Addr().String()
	_ = listener.Close()
	for _, url := range []string{"http://engram.example.com", "https://engram.example.com"} {
		for _, scheme := range []string{"http", "socks5"} {
			remote := wiretest.Dial(t, url, transport.Options{Getenv: environ("ALL_PROXY=" + scheme + "://" + addr), InsecureHTTP: true, Retries: -1})
			_, err := remote.ReadManifest(t.Context())
			wiretest.OneClass(t, err, transport.ErrUnavailable)
			if !transport.IsUnreachable(err) || !strings.Contains(err.Error(), "the proxy "+addr+" (from ALL_PROXY): ") {
				t.Errorf("%s through %s: %v", url, scheme, err)
			}
		}
	}
}
