package httplayer

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
)

// Wait is a pause before something is tried again.
type Wait struct {
	For   time.Duration
	Cause string // such as "429 rate limit exceeded"
}

// noticeable is the pause from which on a user wants to know what is going on.
const noticeable = 2 * time.Second

// gate holds back every request while the server asked for quiet: what it said
// to one worker is true for all.
type gate struct {
	mu     sync.Mutex
	until  time.Time
	status int
	told   bool // of this wait
}

// close shuts the gate for as long as a response asks.
func (g *gate) close(resp *http.Response) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode < http.StatusInternalServerError {
		return
	}
	pause, ok := RetryAfter(resp)
	if !ok {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	until := time.Now().Add(pause)
	if !until.After(g.until) {
		return
	}
	// Workers that were told the same within moments are one episode.
	if until.Sub(g.until) > noticeable {
		g.told = false
	}
	g.until, g.status = until, resp.StatusCode
}

// wait returns when the gate is open, or at once with a RetryLaterError if
// that takes longer than budget.
func (g *gate) wait(ctx context.Context, budget time.Duration, tell func(Wait)) error {
	for {
		pause, status, first := g.look(budget)
		if pause <= 0 {
			return ctx.Err()
		}
		if pause > budget {
			return &RetryLaterError{Status: status, Wait: pause, At: time.Now().Add(pause)}
		}
		if first {
			tell(Wait{For: pause, Cause: statusText(status)})
		}
		if err := cancellable.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// look says how long the gate stays shut, and whether the caller is the
// first of those who wait, and so the one to tell the user.
func (g *gate) look(budget time.Duration) (pause time.Duration, status int, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pause = time.Until(g.until)
	if pause > noticeable && pause <= budget && !g.told {
		g.told, first = true, true
	}
	return pause, g.status, first
}

// RetryAfter is how long a server asks to wait: seconds, which it may have
// rounded down (account-server.md 10, 1.4), or a date. What is neither, or over,
// is no wish.
func RetryAfter(resp *http.Response) (time.Duration, bool) {
	text := resp.Header.Get("Retry-After")
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, _ := strconv.ParseUint(text, 10, 31) // out of range gives the largest
		return time.Duration(seconds+1) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	pause := time.Until(at)
	return pause, pause > 0
}
