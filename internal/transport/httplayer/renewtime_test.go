package httplayer_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

func TestATokenIsRenewedAMinuteAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := jwtFor(0, time.Hour)
		a := &authority{good: first, refresh: "refresh-0", life: time.Hour}
		remote := process(t, a, newSafe(first, "refresh-0"))
		read := func(exchanges int) {
			t.Helper()
			if _, err := remote.ReadManifest(t.Context()); err != nil {
				t.Fatal(err)
			}
			if a.exchanges != exchanges || a.refused != 0 {
				t.Fatalf("%d exchanges, %d refused; want %d, 0", a.exchanges, a.refused, exchanges)
			}
		}
		pass(59*time.Minute - time.Second)
		read(0)
		pass(2 * time.Second)
		read(1)
		pass(58 * time.Minute)
		read(1)
		pass(time.Minute + time.Second)
		read(2)
	})
}

// With a clock that is wrong, every token seems to have ended. One that came
// just now is used all the same, for as long as it lasts.
func TestAWrongClockDoesNotRenewForEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := -5 * time.Hour // the server's clock, seen from here
		a := &authority{good: "another", refresh: "refresh-0"}
		skewed := func(req *http.Request) (*http.Response, error) {
			resp, err := a.RoundTrip(req)
			if req.URL.Path == "/auth/refresh" {
				a.good = jwtSpan(a.exchanges, time.Now().Add(behind), time.Now().Add(behind+time.Hour))
				resp = wiretest.Answer(req, http.StatusOK, fmt.Sprintf(`{"access_token":%q,"expires_in":3600}`, a.good))
			}
			return resp, err
		}
		v := newSafe(jwtFor(0, behind), "refresh-0")
		remote := process(t, a, v, func(o *transport.Options) { o.Base = wiretest.Base(skewed) })
		for range 118 {
			if _, err := remote.ReadManifest(t.Context()); err != nil {
				t.Fatal(err)
			}
			pass(time.Minute)
		}
		if a.exchanges != 2 || a.refused != 0 {
			t.Errorf("%d exchanges in two hours, %d refused", a.exchanges, a.refused)
		}
	})
}

func TestShortLivedTokensAreUsedForHalfTheirLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := jwtFor(0, 40*time.Second)
		a := &authority{good: first, refresh: "refresh-0", life: 40 * time.Second}
		remote := process(t, a, newSafe(first, "refresh-0"))
		for range 60 {
			if _, err := remote.ReadManifest(t.Context()); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		if a.exchanges != 3 || a.refused != 0 {
			t.Errorf("%d exchanges in a minute, %d refused", a.exchanges, a.refused)
		}
	})
}

// A server that can't exchange now is asked again, and in the meantime the old
// token does its work to its end; then it is an outage, not a lost login.
func TestAServerThatCannotExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := jwtFor(0, time.Hour)
		a := &authority{good: first, refresh: "refresh-0", life: time.Hour, fails: 1000}
		remote := process(t, a, newSafe(first, "refresh-0"), fourRetries)
		pass(59*time.Minute + time.Second)
		for range 5 { // the first pays for the attempts, the others go straight through
			if _, err := remote.ReadManifest(t.Context()); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		if a.exchanges != 5 || a.asked != 5 {
			t.Errorf("%d exchanges, %d requests", a.exchanges, a.asked)
		}
		pass(time.Minute)
		a.good = "another"
		_, err := remote.ReadManifest(t.Context())
		wiretest.OneClass(t, err, transport.ErrUnavailable)
		if a.exchanges != 10 || a.asked != 5 || !strings.Contains(err.Error(), "database unavailable") {
			t.Errorf("%d exchanges, %d requests, %v", a.exchanges, a.asked, err)
		}
		a.fails = 0
		pass(time.Second)
		if _, err := remote.ReadManifest(t.Context()); err != nil {
			t.Errorf("when it is back: %v", err)
		}
	})
}

func TestA503OnTheExchangeIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authority{good: "another", refresh: "refresh-0", life: time.Hour, fails: 2}
		remote := process(t, a, newSafe("opaque", "refresh-0"))
		if _, err := remote.ReadManifest(t.Context()); err != nil || a.exchanges != 3 || a.asked != 2 {
			t.Errorf("%d exchanges, %d requests, %v", a.exchanges, a.asked, err)
		}
	})
}
