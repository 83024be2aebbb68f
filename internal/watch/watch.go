// Package watch does something again whenever a thing has changed, and now and then besides. It knows nothing of what is done;
// the commands that stay call it.
package watch

import (
	"context"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
)

// Loop does rounds: the first at once, and then one when Stamp has changed and stood still for Settle, or when Every has
// passed. After a round that failed, the next one waits at least for Backoff, twice as long after each further failure, and
// never longer than Every.
type Loop struct {
	// Round is one round. Its errors are its own to tell; they only make the next one wait.
	Round func(ctx context.Context) error
	// Stamp is another text when what is watched has changed. It is asked every Poll, and before each round, so that what
	// changes during one is seen.
	Stamp func() string

	Every, Poll, Settle, Backoff time.Duration
}

// Run does rounds until ctx ends, whose cause is the error then.
func (l *Loop) Run(ctx context.Context) error {
	failures := 0
	for {
		stamp := l.Stamp()
		err := l.Round(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if failures++; err == nil {
			failures = 0
		}
		if err := l.wait(ctx, stamp, l.pause(failures)); err != nil {
			return err
		}
	}
}

// pause is how long nothing is done after so many failures.
func (l *Loop) pause(failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	pause := l.Backoff
	for i := 1; i < failures && pause < l.Every; i++ {
		pause *= 2
	}
	return min(pause, l.Every)
}

func (l *Loop) wait(ctx context.Context, stamp string, pause time.Duration) error {
	began := time.Now()
	var changed time.Time
	for {
		if err := cancellable.Sleep(ctx, l.Poll); err != nil {
			return err
		}
		now := time.Now()
		if latest := l.Stamp(); latest != stamp {
			stamp, changed = latest, now
		}
		waited := now.Sub(began)
		if waited >= l.Every || !changed.IsZero() && now.Sub(changed) >= l.Settle && waited >= pause {
			return nil
		}
	}
}
