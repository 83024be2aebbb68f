package transport

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// noticeable is the pause from which on a user wants to know what is going on.
const noticeable = 2 * time.Second

// gate holds back every request while the server asked for quiet: what it said
// to one worker is true for all.
type gate struct {
	notify func(Wait)

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
	pause, ok := retryAfter(resp)
	if !ok {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(pause); until.After(g.until) {
		g.until, g.status, g.told = until, resp.StatusCode, false
	}
}

// wait returns when the gate is open, or at once with a RetryLaterError if
// that takes longer than budget.
func (g *gate) wait(ctx context.Context, budget time.Duration) error {
	for {
		pause, status, tell := g.look(budget)
		if pause <= 0 {
			return ctx.Err()
		}
		if pause > budget {
			return &RetryLaterError{Status: status, Wait: pause, At: time.Now().Add(pause)}
		}
		if tell {
			g.notify(Wait{For: pause, Cause: statusText(status)})
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// look says how long the gate stays shut, and whether the caller is the one to
// tell the user that it waits.
func (g *gate) look(budget time.Duration) (pause time.Duration, status int, tell bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pause = time.Until(g.until)
	if pause > noticeable && pause <= budget && !g.told {
		g.told, tell = true, true
	}
	return pause, g.status, tell
}
