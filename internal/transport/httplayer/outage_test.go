package httplayer_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/work"
)

// flaky is a server that is down for a while, counted from the first request, and that
// can only work on so many requests at once.
type flaky struct {
	down  wiretest.Base
	from  time.Duration
	until time.Duration
	room  int

	mu      sync.Mutex
	started time.Time
	going   int
	most    int
	refused int
}

func (f *flaky) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	if f.started.IsZero() {
		f.started = time.Now()
	}
	since := time.Since(f.started)
	f.going++
	f.most = max(f.most, f.going)
	full := f.room > 0 && f.going > f.room
	if full {
		f.refused++
	}
	f.mu.Unlock()
	pass(20 * time.Millisecond)
	f.mu.Lock()
	f.going--
	f.mu.Unlock()
	if full || since >= f.from && since < f.until {
		return f.down(req)
	}
	return wiretest.Answer(req, http.StatusOK, wiretest.EmptyManifest), nil
}

func refusing(*http.Request) (*http.Response, error) {
	return nil, wiretest.DialError(syscall.ECONNREFUSED)
}

func answering(status int) wiretest.Base {
	return wiretest.Story{Status: status}.Attempt
}

// askMany asks often, eight at once, and counts what failed.
func askMany(t *testing.T, base http.RoundTripper, n int) (failed int, took time.Duration) {
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: base})
	started := time.Now()
	var mu sync.Mutex
	work.Each(make([]int, n), 8, nil, func(int) {
		if _, err := remote.ReadManifest(t.Context()); err != nil {
			mu.Lock()
			failed++
			mu.Unlock()
		}
	})
	return failed, time.Since(started)
}

// An outage ends no run that it falls into, as long as the time for retries lasts.
func TestAnOutageEndsNoRun(t *testing.T) {
	for _, length := range []time.Duration{3 * time.Second, time.Minute} {
		for name, down := range map[string]wiretest.Base{
			"refused": refusing, "502": answering(502), "503": answering(503), "504": answering(504), "429": answering(429),
			"cut": func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
		} {
			synctest.Test(t, func(t *testing.T) {
				server := &flaky{down: down, from: 200 * time.Millisecond, until: 200*time.Millisecond + length}
				failed, took := askMany(t, server, 400)
				if failed > 0 || took > 2*length+30*time.Second {
					t.Errorf("%s for %s: %d of 400 failed in %s", name, length, failed, took)
				}
			})
		}
	}
}

// Who could not be reached at all is most likely at another address.
func TestAServerThatWasNeverReached(t *testing.T) {
	for name, tc := range map[string]struct {
		before   bool // it has answered before
		min, max time.Duration
	}{
		"never":     {false, 0, 15 * time.Second},
		"some time": {true, 100 * time.Second, 2 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
				if n++; n == 1 && tc.before {
					return wiretest.Answer(req, http.StatusOK, wiretest.EmptyManifest), nil
				}
				return refusing(req)
			})})
			if tc.before {
				if _, err := remote.ReadManifest(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			started := time.Now()
			_, err := remote.ReadManifest(t.Context())
			wiretest.OneClass(t, err, transport.ErrUnavailable)
			if took := time.Since(started); took < tc.min || took > tc.max {
				t.Errorf("%s: gave up after %s", name, took)
			}
		})
	}
}

// Where eight at once are too many, fewer go, and all comes through; where there was
// only a hiccup, eight go again.
func TestFewerGoAtOnceWhereThatIsTooMuch(t *testing.T) {
	for _, status := range []int{429, 502, 503, 0} {
		down := answering(status)
		if status == 0 {
			down = wiretest.Base(refusing)
		}
		synctest.Test(t, func(t *testing.T) {
			server := &flaky{down: down, room: 2}
			failed, _ := askMany(t, server, 400)
			if failed > 0 || server.refused > 50 {
				t.Errorf("%d: %d failed, %d refused", status, failed, server.refused)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			server := &flaky{down: down, from: 100 * time.Millisecond, until: 200 * time.Millisecond}
			failed, took := askMany(t, server, 1200) // 3 s at full width
			if failed > 0 || took > 6*time.Second {
				t.Errorf("%d: %d failed, and it took %s", status, failed, took)
			}
		})
	}
}

// A token is renewed in the middle of a request: it must not wait for a lane of its own.
func TestARenewalNeedsNoLaneOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		a := &authority{good: "another", refresh: "refresh-0", life: time.Hour}
		base := wiretest.Base(func(req *http.Request) (*http.Response, error) {
			if n++; n <= 3 {
				return answering(http.StatusServiceUnavailable)(req)
			}
			return a.RoundTrip(req)
		})
		remote := process(t, a, newSafe("opaque", "refresh-0"), func(o *transport.Options) { o.Base = base })
		if _, err := remote.ReadManifest(t.Context()); err != nil || a.exchanges != 1 {
			t.Errorf("%v, %d exchanges", err, a.exchanges)
		}
	})
}

// A kept connection that the server had closed before costs one more attempt, a push as
// well: nothing of it was written.
func TestAClosedConnectionCostsOneRetry(t *testing.T) {
	for _, retries := range []int{4, -1} {
		synctest.Test(t, func(t *testing.T) {
			opened := &wiretest.Openings{Chunk: wiretest.Sample()}
			attempts := 0
			started := time.Now()
			err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: retries, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
				if attempts++; attempts == 1 {
					_, _ = io.Copy(io.Discard, req.Body) // into the buffer of the connection
					return nil, errors.New("http: server closed idle connection")
				}
				_, _ = io.Copy(io.Discard, req.Body)
				return wiretest.Accepted(req, opened.Chunk), nil
			})}).WriteChunk(t.Context(), opened.Chunk.Entry, opened.Open)
			switch {
			case retries > 0 && (err != nil || attempts != 2 || time.Since(started) > time.Second):
				t.Errorf("%v after %d attempts and %s", err, attempts, time.Since(started))
			case retries < 0 && (err == nil || errors.Is(err, transport.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "closed")):
				t.Errorf("without retries: %v", err)
			}
			opened.AllClosed(t)
		})
	}
}
