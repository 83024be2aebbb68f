package transport_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/work"
)

// A proxy that could not pass a push on gets two looks with a pause between them, and
// the push is sent again.
func TestA502CostsTwoLooks(t *testing.T) {
	for _, status := range []int{http.StatusBadGateway, http.StatusServiceUnavailable, 520, 521} {
		got := pushTo(t, transport.Options{}, func(v *vault) {
			v.push = func(n int, req *http.Request) (*http.Response, error) {
				if n == 1 {
					v.read(req)
					return proxyPage(req, status), nil
				}
				return v.accept(req), nil
			}
		})
		if got.err != nil || got.pushes != 2 || len(got.looked) != 2 || got.looked[1] != 2*time.Second || got.took > 3*time.Second {
			t.Errorf("%d: %v, %d pushes, looked after %v, took %s", status, got.err, got.pushes, got.looked, got.took)
		}
	}
}

// The second look is what sees a server that was about to store it.
func TestA502IsNoReasonToHurry(t *testing.T) {
	got := pushTo(t, transport.Options{}, func(v *vault) {
		v.push = func(_ int, req *http.Request) (*http.Response, error) {
			body := v.read(req)
			time.AfterFunc(time.Second, func() { v.store(body) })
			return proxyPage(req, http.StatusBadGateway), nil
		}
	})
	if got.err != nil || got.pushes != 1 {
		t.Errorf("%v, %d pushes", got.err, got.pushes)
	}
}

// A server that said what happened is not waited for, whatever the form of its answer.
func TestADefiniteAnswerIsNotWaitedFor(t *testing.T) {
	for _, status := range []int{http.StatusInternalServerError, http.StatusInsufficientStorage, 530} {
		got := pushTo(t, transport.Options{}, func(v *vault) {
			v.push = func(_ int, req *http.Request) (*http.Response, error) {
				v.read(req)
				return proxyPage(req, status), nil
			}
		})
		wiretest.OneClass(t, got.err, transport.ErrUnavailable)
		if got.pushes != 1 || len(got.looked) != 1 || got.took > time.Second {
			t.Errorf("%d: %d pushes, looked after %v, took %s", status, got.pushes, got.looked, got.took)
		}
	}
}

// pushMany pushes chunks as a run does: several at once, until an error is everybody's.
func pushMany(t *testing.T, base http.RoundTripper, n int) (failed []error, took time.Duration) {
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: base})
	started := time.Now()
	var mu sync.Mutex
	stopped := false
	var chunks []wiretest.Chunk
	for i := range n {
		chunks = append(chunks, wiretest.NewChunk(fmt.Sprintf(`{"sessions":[],"n":%d}`, i)))
	}
	work.Each(chunks, 8, nil, func(chunk wiretest.Chunk) {
		mu.Lock()
		stop := stopped
		mu.Unlock()
		if stop {
			return
		}
		if err := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open); err != nil {
			_, failing := errors.AsType[*transport.FailingError](err)
			mu.Lock()
			failed, stopped = append(failed, err), stopped || failing
			mu.Unlock()
		}
	})
	return failed, time.Since(started)
}

// A server that fails every push ends the run after one window, not one for each chunk.
func TestAServerThatFailsEveryPushIsNoticed(t *testing.T) {
	for name, tc := range map[string]struct {
		push  func(*vault, *http.Request) (*http.Response, error)
		class error
	}{
		"502": {func(_ *vault, req *http.Request) (*http.Response, error) {
			return proxyPage(req, http.StatusBadGateway), nil
		}, transport.ErrUnavailable},
		"504": {func(_ *vault, req *http.Request) (*http.Response, error) {
			return proxyPage(req, http.StatusGatewayTimeout), nil
		}, transport.ErrOutcomeUnknown},
		"no answer": {func(*vault, *http.Request) (*http.Response, error) {
			return nil, io.ErrUnexpectedEOF
		}, transport.ErrOutcomeUnknown},
	} {
		for _, n := range []int{9, 64} {
			synctest.Test(t, func(t *testing.T) {
				v := &vault{t: t, held: map[string]string{}}
				v.push = func(_ int, req *http.Request) (*http.Response, error) {
					v.read(req)
					return tc.push(v, req)
				}
				failed, took := pushMany(t, v, n)
				if took < 29*time.Second || took > 45*time.Second || len(failed) < 8 || len(failed) > 16 {
					t.Errorf("%s, %d chunks: %d failed in %s", name, n, len(failed), took)
				}
				for _, err := range failed {
					wiretest.OneClass(t, err, tc.class)
					wiretest.OneLine(t, err)
				}
			})
		}
	}
}

// One chunk that is never answered for does not stop the others, even if it is alone
// on its way.
func TestOneLostPushStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{t: t, held: map[string]string{}}
		v.push = func(n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				v.read(req)
				return nil, io.ErrUnexpectedEOF
			}
			return v.accept(req), nil
		}
		failed, _ := pushMany(t, v, 20)
		if len(failed) != 1 || len(v.held) != 19 {
			t.Errorf("%d stored, failed: %v", len(v.held), failed)
		}
	})
}
