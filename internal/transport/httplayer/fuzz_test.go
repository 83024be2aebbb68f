package httplayer_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// FuzzRefusal: whatever an answer says, the error is one line of a known class, that a
// terminal can show, without the token; and nothing of it is believed to be a manifest that is none.
func FuzzRefusal(f *testing.F) {
	for _, answer := range []string{
		"HTTP/1.1 401 no\r\nContent-Type: application/json\r\n\r\n{\"error\":\"bad secret-token\",\"error_class\":\"x\",\"error_code\":\"\x1b[31m\"}",
		"HTTP/1.1 302 Found\r\nLocation: https://u:secret-token@evil.example/%73ecret-token?x\r\n\r\n",
		"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\n\r\n<title>&#115;ecret-token\u202e</title>",
		"HTTP/1.1 413 Big\r\nContent-Type: text/plain\r\n\r\nrequest body too large (max 1 MiB)\nsecret-token",
		"HTTP/1.1 429 Slow\r\nRetry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\n\r\n", "HTTP/1.1 503 x\r\nRetry-After: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"version\":1,\"chunks\":[{\"id\":\"secret-token\"}]}",
	} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		base := wiretest.Base(func(req *http.Request) (*http.Response, error) {
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(wire))), req)
			if err == nil && resp.StatusCode < 200 { // which Go's transport gives to nobody
				return nil, io.ErrUnexpectedEOF
			}
			return resp, err
		})
		_, err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: base, Retries: -1}).ReadManifest(t.Context())
		if err == nil {
			return
		}
		wiretest.OneLine(t, err)
		if text := err.Error(); safetext.Escape(text) != text || strings.Contains(text, "secret-t") {
			t.Errorf("%q gives %q", wire, text)
		}
	})
}

// FuzzRetryAfter: digits are a wish of at least as many seconds, a date is one if it is
// to come, and nothing else is any.
func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"0", "299", "99999999999999999999", "99999999999 s", "-5", "0x10", "Wed, 21 Oct 2099 07:28:00 GMT"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		pause, asked := httplayer.RetryAfter(&http.Response{Header: http.Header{"Retry-After": {value}}})
		at, err := http.ParseTime(value)
		digits := value != "" && strings.Trim(value, "0123456789") == ""
		switch {
		case asked && pause <= 0, digits && (!asked || pause < time.Second):
			t.Errorf("%q: asked %t for %s", value, asked, pause)
		case !digits && asked && (err != nil || time.Until(at) > pause):
			t.Errorf("%q is taken for %s", value, pause)
		}
	})
}
