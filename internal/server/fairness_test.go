package server_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server"
)

const limited = `{"error":"rate limit exceeded"}` + "\n"

// account-server.md 1.4, with Retry-After rounded up.
func TestAttemptsAreLimitedForEachEndpoint(t *testing.T) {
	now := newClock()
	c := listen(t, open(t, server.Options{Now: now.Now})).as("")
	for _, tt := range []struct {
		path  string
		limit int
	}{{"/auth/register", 5}, {"/auth/login", 10}} {
		for range tt.limit {
			c.post(tt.path, "malformed").want(t, http.StatusBadRequest, "")
			now.advance(100 * time.Millisecond)
		}
		// 59.5 s and 59.0 s are left.
		wait := map[int]string{5: "60", 10: "59"}[tt.limit]
		for range 2 {
			r := c.post(tt.path, "malformed")
			r.want(t, http.StatusTooManyRequests, limited)
			if got := r.header.Get("Retry-After"); got != wait {
				t.Errorf("%s: Retry-After %q, want %q", tt.path, got, wait)
			}
		}
	}
	// Who waits as told is let in: refused attempts did not prolong the window.
	now.advance(59 * time.Second)
	c.post("/auth/login", "malformed").want(t, http.StatusBadRequest, "")
	now.advance(time.Second)
	c.post("/auth/register", "malformed").want(t, http.StatusBadRequest, "")
	// Nothing else is limited.
	for range 15 {
		c.post("/auth/refresh", "malformed").want(t, http.StatusBadRequest, "")
	}
}

// loopback are proxies on this machine, and what is behind them.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}

func TestForwardedForCountsOnlyIfTrusted(t *testing.T) {
	use := func(c client, forwarded string) int {
		return c.post("/auth/register", "malformed", "X-Forwarded-For: "+forwarded).status
	}
	t.Run("not trusted", func(t *testing.T) {
		c := listen(t, open(t, server.Options{}))
		for i := range 6 {
			if got, want := use(c, fmt.Sprintf("192.0.2.%d", i)), map[bool]int{true: 400, false: 429}[i < 5]; got != want {
				t.Errorf("attempt %d: %d, want %d", i, got, want)
			}
		}
	})
	t.Run("trusted", func(t *testing.T) {
		c := listen(t, open(t, server.Options{TrustedProxies: loopback}))
		for range 5 {
			use(c, " 192.0.2.1 , 10.0.0.1")
		}
		for forwarded, want := range map[string]int{
			"192.0.2.1":                429,
			"::ffff:192.0.2.1":         429,
			"192.0.2.2, 192.0.2.1":     429, // whatever it wrote itself
			"192.0.2.1, 192.0.2.3":     400,
			"2001:db8::1":              400,
			"not an address":           400, // counts for the peer
			"and another not, 1.1.1.1": 400, // for the peer too
		} {
			if got := use(c, forwarded); got != want {
				t.Errorf("%q: %d, want %d", forwarded, got, want)
			}
		}
		// A host with an IPv6 network has all of its addresses.
		for i := range 4 {
			use(c, fmt.Sprintf("2001:db8::%d", i+2))
		}
		if got := use(c, "2001:db8::ffff"); got != 429 {
			t.Errorf("another address of the same network: %d", got)
		}
		for range 4 {
			use(c, "no address")
		}
		if got := use(c, "no address either"); got != 429 {
			t.Errorf("a made-up address: %d", got)
		}
	})
}
