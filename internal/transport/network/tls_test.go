package network_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

func startTLS(t *testing.T, conf *tls.Config) *httptest.Server {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = conf
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// What is missing for TLS is told apart: an authority, a certificate of ours, TLS itself.
func TestWhatTLSLacks(t *testing.T) {
	plain := startTLS(t, nil)
	roots := &tls.Config{RootCAs: plain.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs} //nolint:forcetypeassert,gosec // it is one
	demanding := startTLS(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert})                       //nolint:gosec // loopback
	older := startTLS(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12})
	hello := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(hello.Close)
	alert := wiretest.NewReplay(t, "testdata/alert.bin")
	for name, tc := range map[string]struct {
		url   string
		tls   *tls.Config
		want  error
		words string
	}{
		"an authority":             {plain.URL, nil, transport.ErrAuthority, ""},
		"our certificate":          {demanding.URL, roots, transport.ErrClientCert, ""},
		"our certificate, TLS 1.2": {older.URL, roots, transport.ErrClientCert, ""},
		"plain HTTP, of Go":        {strings.Replace(hello.URL, "http", "https", 1) + "/team", nil, transport.ErrWantsPlain, "the URL is " + hello.URL + "/team"},
		"plain HTTP, of 0.9":       {"https://" + answersAnything(t, "<!DOCTYPE HTML>\n<html><title>Error response</title>"), nil, transport.ErrWantsPlain, "the URL is http://127.0.0.1"},
		"our certificate, nginx":   {"http://" + wiretest.NewReplay(t, recorded("nginx-client-cert")).Addr, nil, transport.ErrClientCert, "No required SSL certificate"},
		"TLS, of a server in Go":   {strings.Replace(plain.URL, "https", "http", 1) + "/team", nil, transport.ErrWantsTLS, plain.URL + "/team"},
		"TLS, of nginx":            {"http://" + wiretest.NewReplay(t, recorded("nginx-https-port")).Addr, nil, transport.ErrWantsTLS, "https://127.0.0.1"},
		"TLS, of Caddy":            {"http://" + wiretest.NewReplay(t, recorded("caddy-https-port")).Addr, nil, transport.ErrWantsTLS, "https://127.0.0.1"},
		"TLS, of OpenSSL":          {"http://" + alert.Addr, nil, transport.ErrWantsTLS, "https://" + alert.Addr},
		"TLS, of HAProxy":          {"http://" + wiretest.HangsUpOnHTTP(t, plain.TLS.Certificates[0]), nil, transport.ErrWantsTLS, "https://127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			remote := wiretest.Dial(t, tc.url, transport.Options{TLS: tc.tls})
			_, err := remote.ReadManifest(t.Context())
			wiretest.OneClass(t, err, transport.ErrTLS)
			wiretest.OneLine(t, err)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("got %v, want %v with %q", err, tc.want, tc.words)
			}
		})
	}
}

// answersAnything starts a server that reads whatever comes first, and gives its address.
func answersAnything(t *testing.T, answer string) string {
	listener := wiretest.Loopback(t)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// A server that hangs up on everybody is no riddle of TLS.
func TestAServerThatHangsUpIsUnavailable(t *testing.T) {
	remote := wiretest.Dial(t, "http://"+wiretest.NewReplay(t, "").Addr, transport.Options{Retries: 1})
	_, err := remote.ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrUnavailable)
}

// Uploads go over HTTP/1.1, also where the server would take HTTP/2.
func TestHTTP2IsNotSpoken(t *testing.T) {
	var proto string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto = r.Proto
		_, _ = io.WriteString(w, wiretest.EmptyManifest)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	roots := &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs} //nolint:forcetypeassert,gosec // it is one
	if _, err := wiretest.Dial(t, s.URL, transport.Options{TLS: roots}).ReadManifest(t.Context()); err != nil || proto != "HTTP/1.1" {
		t.Errorf("%s, %v", proto, err)
	}
}
