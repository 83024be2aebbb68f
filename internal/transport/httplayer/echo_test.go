package httplayer_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// A server that repeats the token in its error must not get it printed.
func TestAnEchoedTokenIsNotRepeated(t *testing.T) {
	const token = "eng_0123456789abcdef0123456789abcdef"
	for _, status := range []int{401, 403, 302, 500} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "https://elsewhere.example/"+token)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"error":"bad header: `+r.Header.Get("Authorization")+`"}`)
		}))
		remote, err := transport.NewRemoteTransport(srv.URL, tokenFunc(func(context.Context) (string, error) { return token, nil }), transport.Options{Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = remote.ReadManifest(t.Context())
		if err == nil || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), token[:20]) {
			t.Errorf("%d: got %v", status, err)
		}
		srv.Close()
	}
}
