package journal_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/journal"
)

// TestFollow looks again after each interval, bears an outage that comes later,
// and ends when it is interrupted.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outage, interrupted := errors.New("outage"), errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		started := time.Now()
		var at []time.Duration
		err := journal.Follow(ctx, 30*time.Second, func(context.Context) (bool, error) {
			at = append(at, time.Since(started))
			switch len(at) {
			case 2:
				return false, outage
			case 3:
				time.AfterFunc(10*time.Second, func() { cancel(interrupted) })
			}
			return false, nil
		}, func(err error) bool { return errors.Is(err, outage) })
		if !errors.Is(err, interrupted) || time.Since(started) != 70*time.Second {
			t.Errorf("it ended after %s: %v", time.Since(started), err)
		}
		if want := []time.Duration{0, 30 * time.Second, 60 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("rounds at %v, want %v", at, want)
		}
	})
}

// TestFollowEnds at an error of the first round, at one that is not bearable,
// and when a round says so.
func TestFollowEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outage, refused := errors.New("outage"), errors.New("refused")
		for name, c := range map[string]struct {
			errs   []error
			want   error
			rounds int
		}{
			"first round":  {[]error{outage}, outage, 1},
			"not bearable": {[]error{nil, refused}, refused, 2},
			"last":         {[]error{nil, outage, nil}, nil, 3},
		} {
			rounds := 0
			err := journal.Follow(t.Context(), time.Second, func(context.Context) (bool, error) {
				rounds++
				return rounds == 3, c.errs[rounds-1]
			}, func(err error) bool { return errors.Is(err, outage) })
			if !errors.Is(err, c.want) || rounds != c.rounds {
				t.Errorf("%s: %d rounds, %v", name, rounds, err)
			}
		}
	})
}
