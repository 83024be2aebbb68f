package server

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// rateWindow starts with a client's first attempt (account-server.md 1.4).
const rateWindow = 60 * time.Second

// maxRateKeys bounds the memory for clients. Those beyond share one window.
const maxRateKeys = 1 << 16

// Attempts that a client has in each window.
const (
	registerAttempts = 5
	loginAttempts    = 10
)

type rateKey struct{ endpoint, client string }

type rateCount struct {
	ends time.Time
	used int
}

// rateLimits counts attempts for each endpoint and client, in memory. Every
// attempt counts, but refused ones do not prolong a window.
type rateLimits struct {
	now            func() time.Time
	trustForwarded bool

	mu     sync.Mutex
	counts map[rateKey]rateCount
	swept  time.Time
}

func newRateLimits(now func() time.Time, trustForwarded bool) *rateLimits {
	return &rateLimits{now: now, trustForwarded: trustForwarded, counts: make(map[rateKey]rateCount)}
}

// attempt counts one, and gives 0 if it is within the limit, else how long the
// client has to wait.
func (l *rateLimits) attempt(key rateKey, limit int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if _, known := l.counts[key]; !known && len(l.counts) >= maxRateKeys {
		l.sweep(now)
		if len(l.counts) >= maxRateKeys {
			key.client = ""
		}
	}
	count := l.counts[key]
	if !now.Before(count.ends) {
		count = rateCount{ends: now.Add(rateWindow)}
	}
	if count.used >= limit {
		return count.ends.Sub(now)
	}
	count.used++
	l.counts[key] = count
	return 0
}

// sweep forgets windows that are over: not more than once a second, since it
// looks at all of them.
func (l *rateLimits) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for key, count := range l.counts {
		if !now.Before(count.ends) {
			delete(l.counts, key)
		}
	}
}

// limited guards a handler. The whole seconds of Retry-After are rounded up:
// who comes back then is let in, other than at the reference server.
func (l *rateLimits) limited(endpoint string, limit int, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		wait := l.attempt(rateKey{endpoint, l.client(r)}, limit)
		if wait > 0 {
			seconds := (wait + time.Second - 1) / time.Second
			w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
			return refuse(http.StatusTooManyRequests, "rate limit exceeded")
		}
		return next(w, r)
	}
}

// address is where a request comes from, as far as that is known.
func (l *rateLimits) address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr // in-process connections have no port
	}
	if l.trustForwarded {
		first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
		if first = strings.TrimSpace(first); first != "" {
			if _, err := netip.ParseAddr(first); err == nil {
				host = first
			}
		}
	}
	return host
}

// client is who counts as one client. Of an IPv6 address that is its network,
// since every host can use all addresses in there.
func (l *rateLimits) client(r *http.Request) string {
	host := l.address(r)
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}
