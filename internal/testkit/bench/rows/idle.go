package rows

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/material"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

// idle is what most runs are: nothing is to be moved.
func (k *kit) idle() bench.Row {
	row := bench.Row{
		Name: "idle", Title: "Nothing to do",
		About:   "The same chunks are on both sides, and were when the same home last looked. Requests are those in the access log of the server.",
		Figures: []bench.Figure{cpu, memory, requests, wall}, Peers: []string{standIn},
	}
	for _, n := range choose(k, []int{20}, []int{10_000, 100_000}, []int{10_000, 100_000}) {
		for _, verb := range []string{"pull", "push"} {
			row.Cases = append(row.Cases, bench.Case{Name: verb + ", " + number(n), Open: k.idles(verb, n)})
		}
	}
	return row
}

func (k *kit) idles(verb string, n int) func(context.Context) (bench.Contest, error) {
	return func(ctx context.Context) (bench.Contest, error) {
		chunks, data, err := k.full(ctx, n, kB)
		if err != nil {
			return bench.Contest{}, err
		}
		proxy, err := stage.NewProxy(ctx, near) // the same for all runs: what is remembered is remembered of its address
		if err != nil {
			return bench.Contest{}, err
		}
		contest := bench.Contest{Close: proxy.Close}
		for _, m := range k.movers(verb) {
			home := ""
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: m.name, Run: func(ctx context.Context) (bench.Sample, error) {
				if home == "" {
					home = k.Temp("home")
					if _, err := k.moveNothing(ctx, m, home, proxy, chunks, data); err != nil {
						return nil, err
					}
				}
				return k.moveNothing(ctx, m, home, proxy, chunks, data)
			}})
		}
		return contest, nil
	}
}

// moveNothing is one run, and how often it asked the server.
func (k *kit) moveNothing(
	ctx context.Context, m mover, home string, proxy *stage.Proxy, chunks *material.Chunks, data stage.Data,
) (s bench.Sample, err error) {
	log := k.Temp("access.log")
	err = k.serving(ctx, k.Now, data, nil, func(server string) error {
		u, err := over(proxy, server, func(url string) (stage.Usage, error) {
			c := m.command(url, data.Key, chunks.Dir)
			c.Home = home
			return k.Run(ctx, c)
		})
		s = sample(u)
		return err
	}, "--access-log", log)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(log) // whole, now that the server has ended
	if err != nil {
		return nil, fmt.Errorf("count the requests: %w", err)
	}
	s[requests] = float64(bytes.Count(text, []byte("\n")))
	if pushes := bytes.Count(text, []byte("/sync/push")) + bytes.Count(text, []byte("/sync/pull/")); pushes > 0 {
		return nil, fmt.Errorf("%d chunks were moved, and none was to be", pushes)
	}
	return s, nil
}
