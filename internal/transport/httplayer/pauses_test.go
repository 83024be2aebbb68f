package httplayer_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

func TestNegativeRetriesMeanOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: -1, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			attempts++
			return wiretest.Answer(req, http.StatusServiceUnavailable, wiretest.Failure("database unavailable")), nil
		})})
		if _, err := remote.ReadManifest(t.Context()); err == nil || attempts != 1 {
			t.Errorf("%v after %d attempts", err, attempts)
		}
	})
}

// The pauses have full jitter below bounds that double up to 10 s, and the user
// hears of those over 2 s.
func TestPausesDoubleAndAreBounded(t *testing.T) {
	bounds := []time.Duration{500, 1000, 2000, 4000, 8000, 10000, 10000}
	longest := make([]time.Duration, len(bounds))
	for range 60 {
		synctest.Test(t, func(t *testing.T) {
			var at []time.Time
			heard := &wiretest.Notes{}
			remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: len(bounds), Notify: heard.Add,
				Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
					at = append(at, time.Now())
					return wiretest.Answer(req, http.StatusBadGateway, ""), nil
				})})
			if _, err := remote.ReadManifest(t.Context()); err == nil || len(at) != len(bounds)+1 {
				t.Fatalf("%v after %d attempts", err, len(at))
			}
			long := 0
			for i := range bounds {
				pause := at[i+1].Sub(at[i])
				if pause > bounds[i]*time.Millisecond+time.Millisecond {
					t.Errorf("pause %d took %s", i, pause)
				}
				if longest[i] = max(longest[i], pause); pause > 2*time.Second {
					long++
				}
			}
			if len(heard.All()) != long {
				t.Errorf("%d notes on %d long pauses", len(heard.All()), long)
			}
		})
	}
	for i, bound := range bounds {
		if longest[i] < bound*time.Millisecond/2 { // one in 2^60 by chance
			t.Errorf("pause %d never took more than %s of %s", i, longest[i], bound*time.Millisecond)
		}
	}
}

func TestTheTotalTimeIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started, last := time.Now(), time.Now()
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: 1000, RetryTime: time.Minute,
			Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
				last = time.Now()
				return wiretest.Answer(req, http.StatusBadGateway, ""), nil
			})})
		_, err := remote.ReadManifest(t.Context())
		wiretest.OneClass(t, err, transport.ErrUnavailable)
		if spent := last.Sub(started); spent > time.Minute || spent < 45*time.Second {
			t.Errorf("the last attempt began after %s", spent)
		}
	})
}

func TestACancelledWaitEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		started := time.Now()
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			return wiretest.Answer(req, http.StatusTooManyRequests, "", "Retry-After: 100"), nil
		})})
		stop := errors.New("interrupted by SIGINT")
		time.AfterFunc(3*time.Second, func() { cancel(stop) })
		_, err := remote.ReadManifest(ctx)
		if !errors.Is(err, stop) || time.Since(started) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(started))
		}
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			t.Errorf("the error still wraps %T", wrapped)
		}
		if err := remote.WriteChunk(ctx, wiretest.Sample().Entry, wiretest.Sample().Open); !errors.Is(err, stop) {
			t.Errorf("push: %v", err)
		}
	})
}
