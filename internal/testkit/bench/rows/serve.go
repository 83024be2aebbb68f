package rows

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

const onlySync = "one fsync a push"

var (
	rate    = bench.Figure{Name: "pushes a second", Unit: bench.Rate}
	cpuPush = bench.Figure{Name: "CPU a push", Unit: bench.Seconds}
)

const smallPush = 2 * kB

// serve is a server under load.
func (k *kit) serve() bench.Row {
	row := bench.Row{
		Name: "serve", Title: "serve: small pushes from many clients",
		About: "Chunks of 2 KB come from 1, 8 and 64 clients of another process, each with one push under way. CPU and memory are those of the server, over its whole life. " +
			"The peer is a program that adds 2 KB to a file and waits for the disk each time: that is the most a server could take that syncs for each push alone.",
		Figures: []bench.Figure{rate, cpuPush, memory}, Peers: []string{onlySync},
		Plot: &bench.Plot{Name: "serve", Title: "serve: pushes of 2 KB a second", Across: "clients", Figure: rate},
	}
	for _, clients := range []int{1, 8, 64} {
		pushes := choose(k, 64, min(500*clients, 4000), min(2000*clients, 20_000))
		row.Cases = append(row.Cases, bench.Case{
			Name: fmt.Sprintf("%s, %s pushes", plural(clients, "client"), number(pushes)), X: float64(clients), Open: k.loads(clients, pushes),
		})
	}
	return row
}

func (k *kit) loads(clients, pushes int) func(context.Context) (bench.Contest, error) {
	return func(context.Context) (contest bench.Contest, err error) {
		for _, p := range k.programs() {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: p.name, Run: func(ctx context.Context) (bench.Sample, error) {
				data, err := k.Empty(ctx, p.Program)
				if err != nil {
					return nil, err
				}
				defer gone(data.Dir)
				var client, server stage.Usage
				err = k.serving(ctx, p.Program, data, &server, func(url string) error {
					client, err = k.Run(ctx, stage.Command{Program: k.Mode("load"), Run: []string{
						"-url", url, "-token", data.Key, "-clients", strconv.Itoa(clients), "-pushes", strconv.Itoa(pushes), "-size", strconv.Itoa(smallPush),
					}})
					if err != nil {
						return err
					}
					return stage.CheckCount(ctx, url, data.Key, pushes)
				})
				if err != nil {
					return nil, err
				}
				s := sample(server)
				s[cpuPush] = server.CPU.Seconds() / float64(pushes)
				return s, perSecond(s, pushes, client)
			}})
		}
		contest.Contestants = append(contest.Contestants, bench.Contestant{Name: onlySync, Run: func(ctx context.Context) (bench.Sample, error) {
			file := k.Temp("synced")
			defer gone(file)
			times := min(pushes, 500)
			u, err := k.Run(ctx, stage.Command{Program: k.Mode("fsync"), Run: []string{
				"-file", file, "-times", strconv.Itoa(times), "-size", strconv.Itoa(smallPush),
			}})
			if err != nil {
				return nil, err
			}
			s := bench.Sample{}
			return s, perSecond(s, times, u)
		}})
		return contest, nil
	}
}

// perSecond adds the rate to a sample: the program printed how many seconds it took.
func perSecond(s bench.Sample, times int, u stage.Usage) error {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(u.Stdout), 64)
	if err != nil {
		return fmt.Errorf("the load does not say how long it took: %w", err)
	}
	s[rate] = float64(times) / seconds
	return nil
}
