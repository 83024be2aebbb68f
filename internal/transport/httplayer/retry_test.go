package httplayer_test

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

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// A GET is repeated after what may pass, and after nothing else.
func TestWhatAGetIsRepeatedAfter(t *testing.T) {
	noHost := wiretest.DialError(&net.DNSError{Err: "no such host", Name: "engram.example.com", IsNotFound: true})
	noDNS := wiretest.DialError(&net.DNSError{Err: "server misbehaving", Name: "engram.example.com", IsTemporary: true})
	for _, tc := range []struct {
		wiretest.Story
		attempts int
		class    error
	}{
		{wiretest.Story{Status: 201}, 1, transport.ErrNotEngram},
		{wiretest.Story{Status: 204}, 1, transport.ErrNotEngram},
		{wiretest.Story{Status: 400, Body: "bad"}, 1, transport.ErrRefused},
		{wiretest.Story{Status: 401, Body: "invalid or expired token"}, 1, transport.ErrUnauthorized},
		{wiretest.Story{Status: 403, Body: "no"}, 1, transport.ErrRefused},
		{wiretest.Story{Status: 408}, 5, transport.ErrUnavailable},
		{wiretest.Story{Status: 409, Body: "paused"}, 1, transport.ErrRefused},
		{wiretest.Story{Status: 413, Body: "request body too large (max 50MB)"}, 1, transport.ErrRefused},
		{wiretest.Story{Status: 429, Body: "rate limit exceeded"}, 5, transport.ErrUnavailable},
		{wiretest.Story{Status: 500, Body: "internal error"}, 1, transport.ErrUnavailable},
		{wiretest.Story{Status: 500, Body: "ERROR: bad byte (SQLSTATE 22021)"}, 1, transport.ErrRefused},
		{wiretest.Story{Status: 500, Body: "ERROR: too long (SQLSTATE 54000)"}, 1, transport.ErrRefused},
		{wiretest.Story{Status: 500, Body: "pq: string is too long for tsvector (1800000 bytes) (54000)"}, 1, transport.ErrRefused},
		{wiretest.Story{Status: 500, Body: "failed to connect: server error: FATAL: starting up (SQLSTATE 57P03))"}, 1, transport.ErrUnavailable},
		{wiretest.Story{Status: 500, Body: "pq: foreign key (23503)"}, 1, transport.ErrRefused},
		{wiretest.Story{Status: 401, Body: "unauthorized: cloudstore: find principal token by hash: FATAL: starting up (SQLSTATE 57P03)"}, 1, transport.ErrUnavailable},
		{wiretest.Story{Status: 500, Body: strings.Repeat("words ", 100) + "(SQLSTATE 54000)"}, 1, transport.ErrRefused},
		{wiretest.Story{Status: 500, Body: "ERROR: deadlock (SQLSTATE 40P01)"}, 1, transport.ErrUnavailable},
		{wiretest.Story{Status: 501}, 1, transport.ErrRefused},
		{wiretest.Story{Status: 502}, 5, transport.ErrUnavailable},
		{wiretest.Story{Status: 503, Body: "database unavailable"}, 5, transport.ErrUnavailable},
		{wiretest.Story{Status: 504}, 5, transport.ErrUnavailable},
		{wiretest.Story{Status: 505}, 1, transport.ErrRefused},
		{wiretest.Story{Name: "reset", Err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}, 5, transport.ErrUnavailable},
		{wiretest.Story{Name: "cut", Err: io.ErrUnexpectedEOF}, 5, transport.ErrUnavailable},
		{wiretest.Story{Name: "refused", Err: wiretest.DialError(syscall.ECONNREFUSED)}, 5, transport.ErrUnavailable},
		{wiretest.Story{Name: "no such host", Err: noHost}, 1, transport.ErrUnavailable},
		{wiretest.Story{Name: "DNS is down", Err: noDNS}, 5, transport.ErrUnavailable},
		{wiretest.Story{Name: "unknown authority", Err: x509.UnknownAuthorityError{}}, 1, transport.ErrTLS},
		{wiretest.Story{Name: "alert", Err: &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}}, 1, transport.ErrTLS},
		{wiretest.Story{Name: "not HTTP", Err: errors.New(`malformed HTTP response "SSH-2.0"`)}, 1, transport.ErrNotEngram},
		{wiretest.Story{Name: "no version", Err: errors.New(`malformed HTTP status code "OK"`)}, 1, transport.ErrNotEngram},
		{wiretest.Story{Name: "cut in the version", Err: errors.New(`malformed HTTP response "HTTP/1."`)}, 5, transport.ErrUnavailable},
		{wiretest.Story{Name: "cut in the status", Err: errors.New(`malformed HTTP status code "50"`)}, 5, transport.ErrUnavailable},
	} {
		t.Run(tc.Title(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: 4, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
					attempts++
					return tc.Attempt(req)
				})})
				_, err := remote.ReadChunk(t.Context(), wiretest.Sample().ID(), wiretest.Discard)
				if attempts != tc.attempts {
					t.Errorf("%d attempts, want %d", attempts, tc.attempts)
				}
				checkFailure(t, err, tc.Story, tc.attempts)
				wiretest.OneClass(t, err, tc.class)
			})
		})
	}
}

// checkFailure looks whether an error keeps all that is known.
func checkFailure(t *testing.T, err error, s wiretest.Story, attempts int) {
	t.Helper()
	wiretest.OneLine(t, err)
	var answered *transport.StatusError
	var network *transport.NetworkError
	switch {
	case s.Err != nil:
		if !errors.As(err, &network) || network.Attempts != attempts || !errors.Is(err, s.Err) || !strings.HasPrefix(err.Error(), "pull chunk") {
			t.Errorf("got %v", err)
		}
	case !errors.As(err, &answered) || answered.Status != s.Status || answered.Attempts != attempts || answered.Op != "pull chunk "+wiretest.Sample().ID().String():
		t.Errorf("got %#v", err)
	case s.Body != "" && (!strings.HasPrefix(answered.Message, s.Body[:2]) || !answered.Final):
		t.Errorf("got %q, final %t", answered.Message, answered.Final)
	}
}

// A push is repeated by itself only where it can't have been applied. The way it
// is settled otherwise is another test's story.
func TestWhatAPushIsRepeatedAfter(t *testing.T) {
	noHost := wiretest.DialError(&net.DNSError{Err: "no such host", IsNotFound: true})
	for _, tc := range []struct {
		wiretest.Story
		readBody bool
		attempts int
		class    error
	}{
		{wiretest.Story{Status: 400, Body: "bad"}, true, 1, transport.ErrRefused},
		{wiretest.Story{Status: 401, Body: "invalid or expired token"}, false, 1, transport.ErrUnauthorized},
		{wiretest.Story{Status: 403, Body: "no"}, true, 1, transport.ErrRefused},
		{wiretest.Story{Status: 404}, true, 1, transport.ErrRefused},
		{wiretest.Story{Status: 409, Body: "cloudstore: project sync paused: p"}, true, 1, transport.ErrRefused},
		{wiretest.Story{Status: 413, Body: "request body too large (max 50MB)"}, false, 1, transport.ErrRefused},
		{wiretest.Story{Status: 429, Body: "rate limit exceeded"}, true, 5, transport.ErrUnavailable},
		{wiretest.Story{Status: 429}, false, 5, transport.ErrUnavailable},
		{wiretest.Story{Status: 500, Body: "(SQLSTATE 22021)"}, true, 1, transport.ErrRefused},
		{wiretest.Story{Status: 500, Body: "(SQLSTATE 54000)"}, true, 1, transport.ErrRefused},
		{wiretest.Story{Status: 500, Body: "internal error"}, false, 1, transport.ErrUnavailable},
		{wiretest.Story{Status: 501}, true, 1, transport.ErrRefused},
		{wiretest.Story{Status: 503, Body: "database unavailable"}, false, 5, transport.ErrUnavailable},
		{wiretest.Story{Status: 502}, false, 5, transport.ErrUnavailable},
		{wiretest.Story{Status: 408}, false, 5, transport.ErrUnavailable},
		{wiretest.Story{Name: "refused", Err: wiretest.DialError(syscall.ECONNREFUSED)}, false, 5, transport.ErrUnavailable},
		{wiretest.Story{Name: "cut inside", Err: io.ErrUnexpectedEOF}, false, 5, transport.ErrUnavailable},
		{wiretest.Story{Name: "no such host", Err: noHost}, false, 1, transport.ErrUnavailable},
		{wiretest.Story{Name: "unknown authority", Err: x509.UnknownAuthorityError{}}, false, 1, transport.ErrTLS},
	} {
		t.Run(tc.Title(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opened := &wiretest.Openings{Chunk: wiretest.Sample()}
				attempts, others := 0, 0
				remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: 4, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
					if req.Method != http.MethodPost {
						others++
					}
					if req.ContentLength == int64(len("{}")) {
						return wiretest.Answer(req, http.StatusBadRequest, "there is nothing in it"), nil
					}
					attempts++
					if tc.readBody {
						_, _ = io.Copy(io.Discard, req.Body)
					}
					return tc.Attempt(req)
				})})
				err := remote.WriteChunk(t.Context(), opened.Chunk.Entry, opened.Open)
				if attempts != tc.attempts || others != 0 {
					t.Errorf("%d attempts, want %d; %d of them no POST", attempts, tc.attempts, others)
				}
				if opened.Left() != 0 || opened.Count() != attempts {
					t.Errorf("opened %d times, %d left open", opened.Count(), opened.Left())
				}
				wiretest.OneLine(t, err)
				wiretest.OneClass(t, err, tc.class)
			})
		})
	}
}
