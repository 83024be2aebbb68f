package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A day at a desk: rounds at once, a little after each burst of changes, and every five minutes; fewer while they fail.
func TestRounds(t *testing.T) {
	seconds := func(from, to int) (list []int) {
		for s := from; s <= to; s++ {
			list = append(list, s)
		}
		return list
	}
	for _, test := range []struct {
		name    string
		changes []int // seconds
		fails   func(round int) bool
		want    []string
	}{
		{"nothing changes", nil, nil, []string{"0s", "5m0s", "10m0s", "15m0s"}},
		{"a change", []int{61}, nil, []string{"0s", "1m6s", "6m6s", "11m6s", "16m6s"}},
		{"a burst", seconds(61, 70), nil, []string{"0s", "1m14s", "6m14s", "11m14s", "16m14s"}},
		{"it never stands still", seconds(1, 1000), nil, []string{"0s", "5m0s", "10m0s", "15m0s"}},
		{"it fails, with changes all the time", []int{1, 20, 40, 50, 90, 120, 300}, func(int) bool { return true },
			[]string{"0s", "30s", "1m34s", "3m34s", "7m34s", "12m34s"}},
		{"it fails once", []int{1, 100, 101}, func(round int) bool { return round == 0 }, []string{"0s", "30s", "1m46s", "6m46s", "11m46s"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, cancel := context.WithCancelCause(t.Context())
				done := errors.New("the day is over")
				time.AfterFunc(1000*time.Second, func() { cancel(done) })
				var rounds []string
				loop := Loop{
					Every: 5 * time.Minute, Poll: 2 * time.Second, Settle: 4 * time.Second, Backoff: 30 * time.Second,
					Stamp: func() string {
						at := int(time.Since(began).Seconds())
						return fmt.Sprint(len(slices.DeleteFunc(slices.Clone(test.changes), func(s int) bool { return s > at })))
					},
					Round: func(context.Context) error {
						rounds = append(rounds, time.Since(began).String())
						if test.fails != nil && test.fails(len(rounds)-1) {
							return errors.New("no server")
						}
						return nil
					},
				}
				if err := loop.Run(ctx); !errors.Is(err, done) {
					t.Errorf("it ended with %v", err)
				}
				if !slices.Equal(rounds, test.want) {
					t.Errorf("rounds at %v, want %v", rounds, test.want)
				}
			})
		})
	}
}
