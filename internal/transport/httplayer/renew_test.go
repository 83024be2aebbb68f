package httplayer_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

func TestFifty401sGiveOneExchange(t *testing.T) {
	for name, storeErr := range map[string]error{"stored": nil, "not stored": errors.New("the keyring is locked")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const workers = 50
				stale := jwtFor(0, time.Hour) // good by its own word
				a := &authority{good: "another", refresh: "refresh-0", life: time.Hour, refuse: make(chan struct{})}
				v := newSafe(stale, "refresh-0")
				v.err = storeErr
				errs := readManifests(t, process(t, a, v), workers)
				synctest.Wait() // all have sent the same token
				close(a.refuse)
				for range workers {
					if err := <-errs; err != nil {
						t.Error(err)
					}
				}
				if a.exchanges != 1 || a.refused != workers || a.asked != 2*workers {
					t.Errorf("%d exchanges, %d refused of %d requests", a.exchanges, a.refused, a.asked)
				}
				if storeErr == nil && v.tokens != (transport.Tokens{Access: a.good, Refresh: "refresh-0"}) {
					t.Error("what was exchanged is not what is stored")
				}
			})
		})
	}
}

// readManifests asks from several goroutines at once.
func readManifests(t *testing.T, remote *transport.RemoteTransport, workers int) <-chan error {
	errs := make(chan error, workers)
	for range workers {
		go func() {
			_, err := remote.ReadManifest(t.Context())
			errs <- err
		}()
	}
	return errs
}

// A failure is shared like a success: fifty workers don't ask fifty times.
func TestFifty401sOfALostLogin(t *testing.T) {
	for name, tc := range map[string]struct {
		fails     int
		exchanges int
		want      error
	}{
		"refused":     {0, 1, transport.ErrUnauthorized},
		"unavailable": {1000, 5, transport.ErrUnavailable}, // one question with its retries
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const workers = 50
				a := &authority{good: "another", refresh: "another", fails: tc.fails, refuse: make(chan struct{})}
				errs := readManifests(t, process(t, a, newSafe("opaque", "refresh-0"), fourRetries), workers)
				synctest.Wait()
				close(a.refuse)
				for range workers {
					err := <-errs
					wiretest.OneClass(t, err, tc.want)
					wiretest.OneLine(t, err)
					if errors.Is(err, transport.ErrLoginExpired) != (name == "refused") {
						t.Errorf("got %v", err)
					}
				}
				if a.exchanges != tc.exchanges || a.asked != workers {
					t.Errorf("%d exchanges, %d requests", a.exchanges, a.asked)
				}
			})
		})
	}
}

// What the server refused once is not asked again, however long the run is.
func TestARefusedLoginIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authority{good: "another", refresh: "another"}
		remote := process(t, a, newSafe(jwtFor(0, -time.Hour), "refresh-0"))
		for range 10 {
			pass(time.Minute)
			_, err := remote.ReadManifest(t.Context())
			wiretest.OneClass(t, err, transport.ErrUnauthorized)
			if !errors.Is(err, transport.ErrLoginExpired) || !strings.Contains(err.Error(), "invalid or expired refresh token") {
				t.Errorf("got %v", err)
			}
		}
		if a.exchanges != 1 || a.asked != 0 {
			t.Errorf("%d exchanges, %d requests", a.exchanges, a.asked)
		}
	})
}

func TestARotatedRefreshTokenIsStoredBeforeUse(t *testing.T) {
	a := &authority{good: "another", refresh: "refresh-0", life: time.Hour, rotates: true}
	v := newSafe("opaque", "refresh-0")
	a.sync = func(req *http.Request) (*http.Response, error) {
		if v.tokens.Refresh != "refresh-1" || "Bearer "+v.tokens.Access != req.Header.Get("Authorization") {
			t.Errorf("in use before it was stored: %#v", v.tokens.Refresh)
		}
		return wiretest.Answer(req, http.StatusOK, wiretest.EmptyManifest), nil
	}
	if _, err := process(t, a, v).ReadManifest(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Whoever gave up does not take the new tokens along: the old ones may be no
// good any more.
func TestStoringIsNotCutShort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := &authority{good: "another", refresh: "refresh-0", life: time.Hour, rotates: true}
	v := newSafe("opaque", "refresh-0")
	remote := process(t, a, v)
	remote.SetTokenRefresher(v.read, func(ctx context.Context, tokens transport.Tokens) error {
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return v.keep(ctx, tokens)
	})
	_, _ = remote.ReadManifest(ctx) // what becomes of the request does not matter
	if v.tokens.Refresh != "refresh-1" {
		t.Errorf("stored: %q", v.tokens.Refresh)
	}
}

func TestAFailureToStoreIsAWarning(t *testing.T) {
	var log strings.Builder
	a := &authority{good: "another", refresh: "refresh-0", life: time.Hour, rotates: true}
	v := newSafe("opaque", "refresh-0")
	v.err = errors.New("the keyring is locked")
	remote := process(t, a, v, func(o *transport.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	for range 3 {
		if _, err := remote.ReadManifest(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if a.exchanges != 1 || strings.Count(log.String(), "level=WARN") != 1 || !strings.Contains(log.String(), "the keyring is locked") {
		t.Errorf("%d exchanges, log: %s", a.exchanges, log.String())
	}
	if strings.Contains(log.String(), a.good) || strings.Contains(log.String(), a.refresh) {
		t.Errorf("the log holds a token: %s", log.String())
	}
}

// Two processes with the same stale token: the second uses what the first got.
func TestAnotherProcessWasFaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authority{good: "another", refresh: "refresh-0", life: time.Hour, rotates: true, hold: make(chan struct{})}
		v := newSafe("opaque", "refresh-0")
		errs := make(chan error, 2)
		for range 2 {
			remote := process(t, a, v)
			go func() {
				_, err := remote.ReadManifest(t.Context())
				errs <- err
			}()
		}
		synctest.Wait()
		close(a.hold)
		if err := errors.Join(<-errs, <-errs); err != nil {
			t.Error(err)
		}
		if a.exchanges != 1 || v.locked != 2 || a.refused != 2 {
			t.Errorf("%d exchanges, %d locks, %d refused", a.exchanges, v.locked, a.refused)
		}
	})
}

func TestWaitingForTheSlotCanBeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authority{good: "another", refresh: "refresh-0", life: time.Hour, hold: make(chan struct{})}
		remote := process(t, a, newSafe("opaque", "refresh-0"))
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := remote.ReadManifest(t.Context())
			first <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := remote.ReadManifest(ctx)
			second <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		close(a.hold)
		if err := <-first; err != nil || a.exchanges != 1 {
			t.Errorf("the first: %v after %d exchanges", err, a.exchanges)
		}
	})
}

// If the one that exchanges gives up, another does it.
func TestTheNextOneTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authority{good: "another", refresh: "refresh-0", life: time.Hour, hold: make(chan struct{})}
		remote := process(t, a, newSafe("opaque", "refresh-0"))
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := remote.ReadManifest(ctx)
			first <- err
		}()
		synctest.Wait()
		go func() {
			_, err := remote.ReadManifest(t.Context())
			second <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		close(a.hold)
		if err := <-second; err != nil || a.exchanges != 1 {
			t.Errorf("the second: %v after %d exchanges", err, a.exchanges)
		}
	})
}
