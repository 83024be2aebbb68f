package httplayer_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// How long after an answer with this Retry-After the next attempt begins.
// Inside a bubble the time begins at 2000-01-01 00:00:00 UTC.
func TestRetryAfterIsObeyedExactly(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"0":                             time.Second,
		"20":                            21 * time.Second, // servers round down
		"299":                           300 * time.Second,
		"Sat, 01 Jan 2000 00:00:42 GMT": 42 * time.Second,
	} {
		for _, status := range []int{429, 502, 503, 504} {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{RetryTime: 6 * time.Minute, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
					at = append(at, time.Now())
					if len(at) == 1 {
						return wiretest.Answer(req, status, "", "Retry-After: "+value), nil
					}
					return wiretest.Answer(req, http.StatusOK, wiretest.EmptyManifest), nil
				})})
				if _, err := remote.ReadManifest(t.Context()); err != nil || len(at) != 2 {
					t.Fatalf("%d %q: %v after %d attempts", status, value, err, len(at))
				}
				if pause := at[1].Sub(at[0]); pause != want {
					t.Errorf("%d %q: waited %s, want %s", status, value, pause, want)
				}
			})
		}
	}
}

// A wish that can't be read, or is over, is none: the usual pauses apply, and
// not no pause at all.
func TestOddRetryAfterStillPauses(t *testing.T) {
	for _, value := range []string{"soon", "-5", "1.5", "", "Fri, 31 Dec 1999 23:59:59 GMT", "0x10", "１", "99999999999 s"} {
		synctest.Test(t, func(t *testing.T) {
			started, attempts := time.Now(), 0
			remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: 4, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
				attempts++
				return wiretest.Answer(req, http.StatusServiceUnavailable, "", "Retry-After: "+value), nil
			})})
			if _, err := remote.ReadManifest(t.Context()); err == nil || attempts != 5 {
				t.Fatalf("%q: %v after %d attempts", value, err, attempts)
			}
			if time.Since(started) == 0 {
				t.Errorf("%q: five attempts within one moment", value)
			}
		})
	}
}

// Beyond the budget nobody waits: the error says when to come back.
func TestRetryAfterBeyondTheBudget(t *testing.T) {
	for value, wait := range map[string]time.Duration{
		"600":                           601 * time.Second,
		"Sat, 01 Jan 2000 01:00:00 GMT": time.Hour,
		"99999999999999999999999":       1 << 31 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			started, attempts := time.Now(), 0
			remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: 4, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
				attempts++
				return wiretest.Answer(req, http.StatusTooManyRequests, wiretest.Failure("rate limit exceeded"), "Retry-After: "+value), nil
			})})
			for name, ask := range map[string]func() error{
				"get":  func() error { _, err := remote.ReadManifest(t.Context()); return err },
				"push": func() error { return remote.WriteChunk(t.Context(), wiretest.Sample().Entry, wiretest.Sample().Open) },
			} {
				err := ask()
				var later *transport.RetryLaterError
				if !errors.As(err, &later) || later.Wait != wait || !later.At.Equal(started.Add(wait)) || later.Status != 429 || later.Op == "" {
					t.Errorf("%q %s: got %v", value, name, err)
				}
				wiretest.OneClass(t, err, transport.ErrUnavailable)
				wiretest.OneLine(t, err)
			}
			if attempts != 1 || !time.Now().Equal(started) {
				t.Errorf("%q: %d attempts in %s; what is true for one is true for all", value, attempts, time.Since(started))
			}
		})
	}
}

// busy is a server that asks for quiet once, 10 ms into it, and then counts who
// comes too early.
type busy struct {
	mu       sync.Mutex
	requests int
	until    time.Time
	early    int
}

func (b *busy) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	b.mu.Lock()
	b.requests++
	n := b.requests
	if !b.until.IsZero() && time.Now().Before(b.until) {
		b.early++
	}
	b.mu.Unlock()
	// The first eight are under way together; their answers come one by one.
	pause := time.NewTimer(time.Duration(n) * 10 * time.Millisecond)
	defer pause.Stop()
	<-pause.C
	if n > 8 {
		return wiretest.Answer(req, http.StatusOK, wiretest.EmptyManifest), nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		b.until = time.Now().Add(21 * time.Second)
	}
	return wiretest.Answer(req, http.StatusTooManyRequests, "", "Retry-After: 20"), nil
}

// Eight workers are told to wait within moments: nobody comes back too early,
// and the user hears of it once.
func TestAllWorkersWaitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, heard := &busy{}, &wiretest.Notes{}
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: server, Notify: heard.Add})
		var workers sync.WaitGroup
		for i := range 12 {
			workers.Go(func() {
				if i >= 8 { // these have not asked yet when the others are told
					start := time.NewTimer(5 * time.Second)
					defer start.Stop()
					<-start.C
				}
				if _, err := remote.ReadManifest(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		workers.Wait()
		if server.early != 0 || server.requests != 20 {
			t.Errorf("%d of %d requests came too early", server.early, server.requests)
		}
		if waits := heard.All(); len(waits) != 1 || waits[0].For < 20*time.Second || waits[0].Cause != "429 too many requests" {
			t.Errorf("the user heard %v, want one wait of 21 s", waits)
		}
	})
}

// A later wish for much more time is news again.
func TestALongerWaitIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard, attempts := &wiretest.Notes{}, 0
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Notify: heard.Add, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			if attempts++; attempts <= 2 {
				return wiretest.Answer(req, http.StatusServiceUnavailable, "", fmt.Sprintf("Retry-After: %d", 10*attempts)), nil
			}
			return wiretest.Answer(req, http.StatusOK, wiretest.EmptyManifest), nil
		})})
		if _, err := remote.ReadManifest(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waits := heard.All(); len(waits) != 2 || waits[0].For != 11*time.Second || waits[1].For != 21*time.Second {
			t.Errorf("the user heard %v", waits)
		}
	})
}
