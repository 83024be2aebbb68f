package transport_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// proxyPage is what stands in the place of an answer that got lost behind a proxy.
func proxyPage(req *http.Request, status int) *http.Response {
	return wiretest.Answer(req, status, "<html><title>Bad\nGateway</title></html>", "Content-Type: text/html")
}

// A push whose answer was lost is looked for before anything else. It is sent a
// second time only where the first certainly left nothing.
func TestAnUncertainPushIsSettled(t *testing.T) {
	cut := io.ErrUnexpectedEOF
	for _, tc := range []struct {
		name   string
		push   func(v *vault, n int, req *http.Request) (*http.Response, error)
		pushes int
		class  error // nil: it is stored
	}{
		{"cut before the request, then well", func(v *vault, n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				return nil, cut
			}
			return v.accept(req), nil
		}, 2, nil},
		{"cut inside the request, then well", func(v *vault, n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				_, _ = io.CopyN(io.Discard, req.Body, 100)
				return nil, cut
			}
			return v.accept(req), nil
		}, 2, nil},
		{"stored, and no answer", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.store(v.read(req))
			return nil, cut
		}, 1, nil},
		{"read, not stored, and no answer", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.read(req)
			return nil, cut
		}, 1, transport.ErrOutcomeUnknown},
		{"503 of the server, then well", func(v *vault, n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				v.read(req)
				return wiretest.Answer(req, http.StatusServiceUnavailable, wiretest.Failure("database unavailable")), nil
			}
			return v.accept(req), nil
		}, 2, nil},
		{"503 of the server, for ever", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.read(req)
			return wiretest.Answer(req, http.StatusServiceUnavailable, wiretest.Failure("database unavailable")), nil
		}, 5, transport.ErrUnavailable},
		{"503 of the server, but stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.store(v.read(req))
			return wiretest.Answer(req, http.StatusServiceUnavailable, wiretest.Failure("database unavailable")), nil
		}, 1, nil},
		{"500 of the server, not stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.read(req)
			return wiretest.Answer(req, http.StatusInternalServerError, wiretest.Failure("internal error")), nil
		}, 1, transport.ErrUnavailable},
		{"500 of the server, but stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.store(v.read(req))
			return wiretest.Answer(req, http.StatusInternalServerError, wiretest.Failure("internal error")), nil
		}, 1, nil},
		{"502 page of a proxy, stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.store(v.read(req))
			return proxyPage(req, http.StatusBadGateway), nil
		}, 1, nil},
		{"502 page of a proxy, not stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.read(req)
			return proxyPage(req, http.StatusBadGateway), nil
		}, 5, transport.ErrUnavailable},
		{"503 page of a proxy, not stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.read(req)
			return proxyPage(req, http.StatusServiceUnavailable), nil
		}, 5, transport.ErrUnavailable},
		{"502 page of a proxy, then well", func(v *vault, n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				v.read(req)
				return proxyPage(req, http.StatusBadGateway), nil
			}
			return v.accept(req), nil
		}, 2, nil},
		{"507 page, not stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.read(req)
			return proxyPage(req, http.StatusInsufficientStorage), nil
		}, 1, transport.ErrUnavailable},
		{"504 JSON of a gateway, not stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.read(req)
			return wiretest.Answer(req, http.StatusGatewayTimeout, wiretest.Failure("upstream timed out")), nil
		}, 1, transport.ErrOutcomeUnknown},
		{"524 of a CDN, not stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.read(req)
			return proxyPage(req, 524), nil
		}, 1, transport.ErrOutcomeUnknown},
		{"522 of a CDN, stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.store(v.read(req))
			return proxyPage(req, 522), nil
		}, 1, nil},
		{"201, stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			resp := v.accept(req)
			resp.StatusCode = http.StatusCreated
			return resp, nil
		}, 1, nil},
		{"204, not stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.read(req)
			return wiretest.Answer(req, http.StatusNoContent, ""), nil
		}, 1, transport.ErrOutcomeUnknown},
		{"200 that is not believed, stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.store(v.read(req))
			return wiretest.Answer(req, http.StatusOK, "{}"), nil
		}, 1, nil},
		{"200 about another chunk, not stored", func(v *vault, _ int, req *http.Request) (*http.Response, error) {
			v.read(req)
			return wiretest.Answer(req, http.StatusOK, `{"status":"accepted","chunk_id":"ffffffff"}`), nil
		}, 1, transport.ErrOutcomeUnknown},
		{"200 before all was sent", func(_ *vault, _ int, req *http.Request) (*http.Response, error) {
			return wiretest.Accepted(req, wiretest.Sample()), nil
		}, 1, transport.ErrOutcomeUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := pushTo(t, transport.Options{Retries: 4}, func(v *vault) {
				v.push = func(n int, req *http.Request) (*http.Response, error) { return tc.push(v, n, req) }
			})
			if got.pushes != tc.pushes {
				t.Errorf("%d pushes, want %d", got.pushes, tc.pushes)
			}
			if tc.class == nil {
				if got.err != nil || got.held[wiretest.Sample().ID().String()] != wiretest.Sample().Envelope(t) {
					t.Errorf("got %v", got.err)
				}
				return
			}
			wiretest.OneLine(t, got.err)
			wiretest.OneClass(t, got.err, tc.class)
		})
	}
}

// lost takes the whole push and gives no answer.
func lost(v *vault) {
	v.push = func(_ int, req *http.Request) (*http.Response, error) {
		v.read(req)
		return nil, io.ErrUnexpectedEOF
	}
}

// A server may still be at work: it gets all of its time, to the last second.
func TestAServerThatStoresLateIsSeen(t *testing.T) {
	for _, late := range []time.Duration{2 * time.Second, 16 * time.Second, 29 * time.Second} {
		heard := &wiretest.Notes{}
		got := pushTo(t, transport.Options{Notify: heard.Add}, func(v *vault) {
			v.push = func(_ int, req *http.Request) (*http.Response, error) {
				body := v.read(req)
				time.AfterFunc(late, func() { v.store(body) })
				return nil, io.ErrUnexpectedEOF
			}
		})
		if got.err != nil || got.pushes != 1 {
			t.Errorf("stored after %s: %v, %d pushes", late, got.err, got.pushes)
		}
		if waits := heard.All(); len(waits) != 1 || !strings.Contains(waits[0].Cause, wiretest.Sample().ID().String()) {
			t.Errorf("stored after %s: the user heard %v", late, waits)
		}
	}
	got := pushTo(t, transport.Options{}, lost)
	second := time.Second
	if diff := cmp.Diff([]time.Duration{0, second, 3 * second, 7 * second, 15 * second, 30 * second}, got.looked); diff != "" {
		t.Errorf("looks (-want +got):\n%s", diff)
	}
}

func TestSettleForIsObeyed(t *testing.T) {
	got := pushTo(t, transport.Options{SettleFor: 100 * time.Millisecond}, lost)
	if !errors.Is(got.err, transport.ErrOutcomeUnknown) || got.took != 100*time.Millisecond {
		t.Errorf("%v after %s", got.err, got.took)
	}
}
