package transport_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// Where the id is taken by other bytes, the push was in vain, and for good.
func TestOtherContentUnderTheIDIsRefused(t *testing.T) {
	id := wiretest.Sample().ID().String()
	for name, tc := range map[string]struct {
		body  string
		class error
	}{
		"other data":     {`{"chunk_id":"` + id + `","created_by":"x","data":{"other":1}}`, transport.ErrRefused},
		"reduced":        {`{"chunk_id":"` + id + `","created_by":"x","data":{"prompts":[{"session_id":"s","content":"c"}]}}`, transport.ErrRefused},
		"a proxy's page": {"<html>hello</html>", transport.ErrOutcomeUnknown},
		"a cut envelope": {`{"chunk_id":"` + id + `","created_by":"x","data":{"other"`, transport.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			got := pushTo(t, transport.Options{}, func(v *vault) {
				lost(v)
				v.held[id], v.order = tc.body, []string{id}
			})
			wiretest.OneClass(t, got.err, tc.class)
			wiretest.OneLine(t, got.err)
			if got.pushes != 1 {
				t.Errorf("%d pushes", got.pushes)
			}
		})
	}
}

// Whoever can't look doesn't know: what hinders the look is not what became of
// the push. Told "not authenticated", a caller would refresh and push again.
func TestALookThatFailsLeavesTheOutcomeUnknown(t *testing.T) {
	for name, look := range map[string]func(*http.Request) (*http.Response, error){
		"401": func(req *http.Request) (*http.Response, error) {
			return wiretest.Answer(req, http.StatusUnauthorized, wiretest.Failure("invalid or expired token")), nil
		},
		"403": func(req *http.Request) (*http.Response, error) { return proxyPage(req, http.StatusForbidden), nil },
		"500": func(req *http.Request) (*http.Response, error) {
			return proxyPage(req, http.StatusInternalServerError), nil
		},
		"down": func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
		"404 but listed": func(req *http.Request) (*http.Response, error) {
			if strings.HasPrefix(req.URL.Path, "/sync/pull/") {
				return wiretest.Answer(req, http.StatusNotFound, wiretest.Failure("chunk not found")), nil
			}
			return nil, nil
		},
		"404 of everything": func(req *http.Request) (*http.Response, error) { return proxyPage(req, http.StatusNotFound), nil },
	} {
		t.Run(name, func(t *testing.T) {
			got := pushTo(t, transport.Options{}, func(v *vault) {
				v.look = look
				v.push = func(_ int, req *http.Request) (*http.Response, error) {
					v.store(v.read(req))
					return nil, io.ErrUnexpectedEOF
				}
			})
			wiretest.OneClass(t, got.err, transport.ErrOutcomeUnknown)
			wiretest.OneLine(t, got.err)
			if got.pushes != 1 {
				t.Errorf("%d pushes", got.pushes)
			}
		})
	}
}

// A 404 alone proves nothing: the reference server gives it for any trouble of
// its database. Where the manifest lists the chunk, it is not sent again.
func TestAListedChunkIsNotSentAgain(t *testing.T) {
	got := pushTo(t, transport.Options{}, func(v *vault) {
		v.push = func(_ int, req *http.Request) (*http.Response, error) {
			v.store(v.read(req))
			return wiretest.Answer(req, http.StatusServiceUnavailable, wiretest.Failure("database unavailable")), nil
		}
		v.look = func(req *http.Request) (*http.Response, error) {
			if strings.HasPrefix(req.URL.Path, "/sync/pull/") {
				return wiretest.Answer(req, http.StatusNotFound, wiretest.Failure("chunk not found")), nil
			}
			return nil, nil
		}
	})
	wiretest.OneClass(t, got.err, transport.ErrOutcomeUnknown)
	if got.pushes != 1 {
		t.Errorf("%d pushes", got.pushes)
	}
}

// A server in trouble may ask for quiet with its 503: the look waits as well.
func TestALookWaitsAsAsked(t *testing.T) {
	got := pushTo(t, transport.Options{}, func(v *vault) {
		v.push = func(n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				v.read(req)
				return wiretest.Answer(req, http.StatusServiceUnavailable, wiretest.Failure("database unavailable"), "Retry-After: 9"), nil
			}
			return v.accept(req), nil
		}
	})
	if got.err != nil || got.pushes != 2 || len(got.looked) != 1 || got.looked[0] != 10*time.Second {
		t.Errorf("%v, %d pushes, looked after %v", got.err, got.pushes, got.looked)
	}
}

func TestAnInterruptedLookSaysSo(t *testing.T) {
	stop := errors.New("interrupted by SIGINT")
	for name, after := range map[string]time.Duration{"while looking": 2 * time.Second, "while waiting for the answer": 0} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			v := &vault{t: t, held: map[string]string{}}
			v.push = func(_ int, req *http.Request) (*http.Response, error) {
				v.read(req)
				if after > 0 {
					return nil, io.ErrUnexpectedEOF
				}
				cancel(stop)
				return nil, context.Canceled
			}
			time.AfterFunc(2*time.Second, func() { cancel(stop) })
			started := time.Now()
			err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: v}).WriteChunk(ctx, wiretest.Sample().Entry, wiretest.Sample().Open)
			wiretest.OneClass(t, err, transport.ErrOutcomeUnknown)
			if !errors.Is(err, stop) || time.Since(started) != after || v.pushes != 1 {
				t.Errorf("%s: %v after %s, %d pushes", name, err, time.Since(started), v.pushes)
			}
		})
	}
}

// A proxy that lost the push, and then every look but the first: that ends.
func TestLooksThatBeginToFailEnd(t *testing.T) {
	first := true
	got := pushTo(t, transport.Options{}, func(v *vault) {
		v.push = func(_ int, req *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, req.Body) // from memory
			return proxyPage(req, http.StatusServiceUnavailable), nil
		}
		v.look = func(req *http.Request) (*http.Response, error) {
			if strings.HasPrefix(req.URL.Path, "/sync/pull/") && !first {
				return proxyPage(req, http.StatusInternalServerError), nil
			}
			first = first && !strings.HasPrefix(req.URL.Path, "/sync/pull/")
			return nil, nil
		}
	})
	wiretest.OneClass(t, got.err, transport.ErrOutcomeUnknown)
	if got.pushes != 1 {
		t.Errorf("%d pushes", got.pushes)
	}
}
