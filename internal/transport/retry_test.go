package transport_test

import (
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// story is how a server, or the way to it, treats every attempt.
type story struct {
	name   string
	status int
	body   string // with it an error of the server's own format
	err    error
}

func (s story) attempt(req *http.Request) (*http.Response, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.body != "" {
		return answer(req, s.status, failure(s.body)), nil
	}
	return answer(req, s.status, "", "Content-Type: "), nil
}

func dialError(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

// A GET is repeated after what may pass, and after nothing else.
func TestWhatAGetIsRepeatedAfter(t *testing.T) {
	noHost := dialError(&net.DNSError{Err: "no such host", Name: "engram.example.com", IsNotFound: true})
	noDNS := dialError(&net.DNSError{Err: "server misbehaving", Name: "engram.example.com", IsTemporary: true})
	for _, tc := range []struct {
		story
		attempts int
		class    error
	}{
		{story{status: 201}, 1, transport.ErrNotEngram},
		{story{status: 204}, 1, transport.ErrNotEngram},
		{story{status: 400, body: "bad"}, 1, transport.ErrRefused},
		{story{status: 401, body: "invalid or expired token"}, 1, transport.ErrUnauthorized},
		{story{status: 403, body: "no"}, 1, transport.ErrRefused},
		{story{status: 408}, 1, transport.ErrUnavailable},
		{story{status: 409, body: "paused"}, 1, transport.ErrRefused},
		{story{status: 413, body: "request body too large (max 50MB)"}, 1, transport.ErrRefused},
		{story{status: 429, body: "rate limit exceeded"}, 5, transport.ErrUnavailable},
		{story{status: 500, body: "internal error"}, 1, transport.ErrUnavailable},
		{story{status: 500, body: "ERROR: bad byte (SQLSTATE 22021)"}, 1, transport.ErrRefused},
		{story{status: 500, body: "ERROR: too long (SQLSTATE 54000)"}, 1, transport.ErrRefused},
		{story{status: 500, body: strings.Repeat("words ", 100) + "(SQLSTATE 54000)"}, 1, transport.ErrRefused},
		{story{status: 500, body: "ERROR: deadlock (SQLSTATE 40P01)"}, 1, transport.ErrUnavailable},
		{story{status: 501}, 1, transport.ErrRefused},
		{story{status: 502}, 5, transport.ErrUnavailable},
		{story{status: 503, body: "database unavailable"}, 5, transport.ErrUnavailable},
		{story{status: 504}, 5, transport.ErrUnavailable},
		{story{status: 505}, 1, transport.ErrRefused},
		{story{name: "reset", err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}, 5, transport.ErrUnavailable},
		{story{name: "cut", err: io.ErrUnexpectedEOF}, 5, transport.ErrUnavailable},
		{story{name: "refused", err: dialError(syscall.ECONNREFUSED)}, 5, transport.ErrUnavailable},
		{story{name: "no such host", err: noHost}, 1, transport.ErrUnavailable},
		{story{name: "DNS is down", err: noDNS}, 5, transport.ErrUnavailable},
		{story{name: "unknown authority", err: x509.UnknownAuthorityError{}}, 1, transport.ErrTLS},
		{story{name: "alert", err: &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}}, 1, transport.ErrTLS},
		{story{name: "not HTTP", err: errors.New(`malformed HTTP response "SSH-2.0"`)}, 1, transport.ErrNotEngram},
	} {
		t.Run(tc.title(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				remote := dial(t, somewhere, transport.Options{Base: base(func(req *http.Request) (*http.Response, error) {
					attempts++
					return tc.attempt(req)
				})})
				_, err := remote.ReadChunk(t.Context(), sample().id(), discard)
				if attempts != tc.attempts {
					t.Errorf("%d attempts, want %d", attempts, tc.attempts)
				}
				checkFailure(t, err, tc.story, tc.attempts)
				oneClass(t, err, tc.class)
			})
		})
	}
}

func (s story) title() string {
	if s.name != "" {
		return s.name
	}
	return http.StatusText(s.status) + " " + s.body[:min(len(s.body), 20)]
}

// checkFailure looks whether an error keeps all that is known.
func checkFailure(t *testing.T, err error, s story, attempts int) {
	t.Helper()
	oneLine(t, err)
	var answered *transport.StatusError
	var network *transport.NetworkError
	switch {
	case s.err != nil:
		if !errors.As(err, &network) || network.Attempts != attempts || !errors.Is(err, s.err) || !strings.HasPrefix(err.Error(), "pull chunk") {
			t.Errorf("got %v", err)
		}
	case !errors.As(err, &answered) || answered.Status != s.status || answered.Attempts != attempts || answered.Op != "pull chunk "+sample().id().String():
		t.Errorf("got %#v", err)
	case s.body != "" && (!strings.HasPrefix(answered.Message, s.body[:2]) || !answered.Final):
		t.Errorf("got %q, final %t", answered.Message, answered.Final)
	}
}

// A push is repeated by itself only where it can't have been applied. The way it
// is settled otherwise is another test's story.
func TestWhatAPushIsRepeatedAfter(t *testing.T) {
	noHost := dialError(&net.DNSError{Err: "no such host", IsNotFound: true})
	for _, tc := range []struct {
		story
		readBody bool
		attempts int
		class    error
	}{
		{story{status: 400, body: "bad"}, true, 1, transport.ErrRefused},
		{story{status: 401, body: "invalid or expired token"}, false, 1, transport.ErrUnauthorized},
		{story{status: 403, body: "no"}, true, 1, transport.ErrRefused},
		{story{status: 404}, true, 1, transport.ErrRefused},
		{story{status: 409, body: "cloudstore: project sync paused: p"}, true, 1, transport.ErrRefused},
		{story{status: 413, body: "request body too large (max 50MB)"}, false, 1, transport.ErrRefused},
		{story{status: 429, body: "rate limit exceeded"}, true, 5, transport.ErrUnavailable},
		{story{status: 429}, false, 5, transport.ErrUnavailable},
		{story{status: 500, body: "(SQLSTATE 22021)"}, true, 1, transport.ErrRefused},
		{story{status: 500, body: "(SQLSTATE 54000)"}, true, 1, transport.ErrRefused},
		{story{status: 500, body: "internal error"}, false, 1, transport.ErrUnavailable},
		{story{status: 501}, true, 1, transport.ErrRefused},
		{story{status: 503, body: "database unavailable"}, false, 5, transport.ErrUnavailable},
		{story{status: 502}, false, 5, transport.ErrUnavailable},
		{story{status: 408}, false, 5, transport.ErrUnavailable},
		{story{name: "refused", err: dialError(syscall.ECONNREFUSED)}, false, 5, transport.ErrUnavailable},
		{story{name: "cut inside", err: io.ErrUnexpectedEOF}, false, 5, transport.ErrUnavailable},
		{story{name: "no such host", err: noHost}, false, 1, transport.ErrUnavailable},
		{story{name: "unknown authority", err: x509.UnknownAuthorityError{}}, false, 1, transport.ErrTLS},
	} {
		t.Run(tc.title(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opened := &openings{chunk: sample()}
				attempts, others := 0, 0
				remote := dial(t, somewhere, transport.Options{Base: base(func(req *http.Request) (*http.Response, error) {
					if req.Method != http.MethodPost {
						others++
					}
					attempts++
					if tc.readBody {
						_, _ = io.Copy(io.Discard, req.Body)
					}
					return tc.attempt(req)
				})})
				err := remote.WriteChunk(t.Context(), opened.chunk.entry, opened.open)
				if attempts != tc.attempts || others != 0 {
					t.Errorf("%d attempts, want %d; %d of them no POST", attempts, tc.attempts, others)
				}
				if opened.left() != 0 || opened.count() != attempts {
					t.Errorf("opened %d times, %d left open", opened.count(), opened.left())
				}
				oneLine(t, err)
				oneClass(t, err, tc.class)
			})
		})
	}
}
