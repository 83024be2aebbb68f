package bench_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
)

var cost = bench.Figure{Name: "cost"}

// In each round everybody has a turn, and each round begins with another. Who fails once has no figure, and is
// named, unless it is what was before.
func TestContestantsTakeTurns(t *testing.T) {
	var turns []string
	contestant := func(name string, fails int) bench.Contestant {
		return bench.Contestant{Name: name, Run: func(context.Context) (bench.Sample, error) {
			turns = append(turns, name)
			if fails--; fails == 0 {
				return nil, errors.New("lost " + name)
			}
			return bench.Sample{cost: float64(len(turns))}, nil
		}}
	}
	closed := false
	row := bench.Row{Name: "row", Cases: []bench.Case{
		{Name: "good", Open: func(context.Context) (bench.Contest, error) {
			return bench.Contest{Contestants: []bench.Contestant{
				contestant(bench.Before, 1), contestant(bench.Now, 0), contestant("peer", 2),
			}, Close: func() { closed = true }}, nil
		}},
		{Name: "nobody", Open: func(context.Context) (bench.Contest, error) { return bench.Contest{}, nil }},
		{Name: "bad", Open: func(context.Context) (bench.Contest, error) { return bench.Contest{}, errors.New("no room") }},
	}}
	results, err := bench.Run(t.Context(), []bench.Row{row}, 3, t.Logf)
	if err != nil || !closed {
		t.Fatal(err, closed)
	}
	if want := []string{"before", "now", "peer", "now", "peer", "now"}; !slices.Equal(turns, want) {
		t.Errorf("the turns were %q, want %q", turns, want)
	}
	o := results[0].Outcomes[0]
	if s, ok := o.Of(bench.Now, cost); !ok || s != (bench.Spread{Median: 4, Least: 2, Most: 6}) {
		t.Errorf("now: %v %v", s, ok)
	}
	for _, failed := range []string{bench.Before, "peer"} {
		if s, ok := o.Of(failed, cost); ok {
			t.Errorf("%s failed, and has %v", failed, s)
		}
	}
	if got, want := strings.Join(bench.Failures(results), "; "), "row, bad: the set-up: no room; row, good: peer: lost peer"; got != want {
		t.Errorf("failures are %q, want %q", got, want)
	}
}

func TestNothingRunsAfterAnInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	row := bench.Row{Cases: []bench.Case{{Open: func(context.Context) (bench.Contest, error) {
		return bench.Contest{Contestants: []bench.Contestant{{Name: bench.Now, Run: func(context.Context) (bench.Sample, error) {
			cancel()
			return bench.Sample{}, nil
		}}}}, nil
	}}}}
	if _, err := bench.Run(ctx, []bench.Row{row, row}, 3, t.Logf); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

// A ratio is one of runs of the same round.
func TestRatiosAreOfRounds(t *testing.T) {
	samples := func(values ...float64) (all []bench.Sample) {
		for _, v := range values {
			all = append(all, bench.Sample{cost: v})
		}
		return all
	}
	o := bench.Outcome{Samples: map[string][]bench.Sample{"a": samples(2, 20, 8), "b": samples(1, 40, 2), "c": samples(0, 0, 0)}}
	if s, ok := o.Ratio("a", "b", cost); !ok || s != (bench.Spread{Median: 2, Least: 0.5, Most: 4}) {
		t.Errorf("a to b: %v %v", s, ok)
	}
	if s, ok := o.Ratio("a", "c", cost); ok {
		t.Errorf("a to nothing: %v", s)
	}
	if s := bench.SpreadOf([]float64{4, 1, 3, 2}); s != (bench.Spread{Median: 2.5, Least: 1, Most: 4}) {
		t.Errorf("the spread of four: %v", s)
	}
}
