package rows

import (
	"context"
	"fmt"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

const alone = "alone"

var (
	half      = bench.Figure{Name: "p50", Unit: bench.Seconds}
	nearlyAll = bench.Figure{Name: "p99", Unit: bench.Seconds}
)

// neighbours is a calm account beside one that asks for all it can get.
func (k *kit) neighbours() bench.Row {
	row := bench.Row{
		Name: "neighbours", Title: "serve: a calm account beside a hostile one",
		About: "One account pushes 2 KB and asks for a page of its journal, again and again. Beside it another takes a byte a second of pages of 9.9 MB, or of lists; sends bodies of which a byte comes " +
			"every 20 s; or batches of 10 MB of tiny rows, each again as soon as it is refused. What a pair of requests takes, and the most memory of the server; alone is the same without the other account.",
		Figures: []bench.Figure{half, nearlyAll, memory}, Peers: []string{alone},
	}
	rounds := choose(k, 20, 500, 2000)
	for _, c := range []struct {
		kind, name string
		many, size int
	}{
		{"pages", "128 pages of 9.9 MB", 128, 9_900_000},
		{"rows", "8 batches of 10 MB", 8, 10_000_000},
		{"bodies", "500 bodies that drip", 500, 0},
		{"lists", "12 lists of " + number(choose(k, 100, 20_000, 150_000)) + " chunks", 12, choose(k, 100, 20_000, 150_000)},
	} {
		row.Cases = append(row.Cases, bench.Case{Name: c.name, Open: k.beside(rounds, c.kind, c.many, c.size)})
	}
	return row
}

func (k *kit) beside(rounds int, kind string, many, size int) func(context.Context) (bench.Contest, error) {
	return func(context.Context) (contest bench.Contest, err error) {
		for _, p := range append(k.programs(), named{k.Now, alone}) {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: p.name, Run: func(ctx context.Context) (bench.Sample, error) {
				data, err := k.Empty(ctx, p.Program)
				if err != nil {
					return nil, err
				}
				defer gone(data.Dir)
				var client, server stage.Usage
				err = k.serving(ctx, p.Program, data, &server, func(url string) error {
					other, err := stage.MakeAccount(ctx, url, "calm")
					if err != nil {
						return err
					}
					if p.name != alone {
						hostile, err := k.Start(ctx, stage.Command{Program: k.Mode("hostile"), Run: []string{
							"-url", url, "-token", data.Key, "-kind", kind, "-many", strconv.Itoa(many), "-size", strconv.Itoa(size),
						}})
						if err != nil {
							return err
						}
						defer func() { _, _ = hostile.Stop() }() // what it took is nobody's concern
					}
					client, err = k.Run(ctx, stage.Command{Program: k.Mode("calm"), Run: []string{
						"-url", url, "-token", other, "-rounds", strconv.Itoa(rounds), "-size", strconv.Itoa(smallPush),
					}})
					if err != nil {
						return err
					}
					return stage.CheckCount(ctx, url, other, rounds)
				})
				if err != nil {
					return nil, err
				}
				s := bench.Sample{memory: float64(server.RSS)}
				var p50, p99 float64
				if _, err := fmt.Sscan(client.Stdout, &p50, &p99); err != nil {
					return nil, fmt.Errorf("the calm account does not say how long it took: %w", err)
				}
				s[half], s[nearlyAll] = p50, p99
				return s, nil
			}})
		}
		return contest, nil
	}
}
