package rows

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
)

const (
	onlySync = "one fsync a push"
	onOne    = "PostgreSQL"
	onTwo    = "two on PostgreSQL"
)

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
			"The peer is a program that adds 2 KB to a file and waits for the disk each time: that is the most a server could take that syncs for each push alone. " +
			"Where there is PostgreSQL, one and two processes of serve keep the same in it; what it takes itself is not counted.",
		Figures: []bench.Figure{rate, cpuPush, memory}, Peers: k.servePeers(),
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
					client, err = k.load(ctx, url, data.Key, clients, pushes)
					return err
				})
				if err != nil {
					return nil, err
				}
				return served(pushes, client, server)
			}})
		}
		pg, err := pgtest.Begin()
		if err == nil {
			contest.Close = pg.Stop
			contest.Contestants = append(contest.Contestants, k.onPostgres(onOne, pg, 1, clients, pushes), k.onPostgres(onTwo, pg, 2, clients, pushes))
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

// servePeers are those that there can be here.
func (k *kit) servePeers() []string {
	pg, err := pgtest.Begin()
	if err != nil {
		return []string{onlySync}
	}
	pg.Stop()
	return []string{onOne, onTwo, onlySync}
}

// load lets clients push to servers of one account, and looks whether all arrived.
func (k *kit) load(ctx context.Context, urls, key string, clients, pushes int) (stage.Usage, error) {
	u, err := k.Run(ctx, stage.Command{Program: k.Mode("load"), Run: []string{
		"-url", urls, "-token", key, "-clients", strconv.Itoa(clients), "-pushes", strconv.Itoa(pushes), "-size", strconv.Itoa(smallPush),
	}})
	if err != nil {
		return u, err
	}
	one, _, _ := strings.Cut(urls, ",")
	return u, stage.CheckCount(ctx, one, key, pushes)
}

// served has the figures of servers under a load.
func served(pushes int, client stage.Usage, servers ...stage.Usage) (bench.Sample, error) {
	var all stage.Usage
	for _, one := range servers {
		all.CPU += one.CPU
		all.RSS += one.RSS
	}
	s := sample(all)
	s[cpuPush] = all.CPU.Seconds() / float64(pushes)
	return s, perSecond(s, pushes, client)
}

// onPostgres is some processes on one database.
func (k *kit) onPostgres(name string, pg *pgtest.Server, processes, clients, pushes int) bench.Contestant {
	return bench.Contestant{Name: name, Run: func(ctx context.Context) (s bench.Sample, err error) {
		database, err := pg.Make(ctx, strings.ToLower(filepath.Base(k.Temp("database"))))
		if err != nil {
			return nil, fmt.Errorf("make a database: %w", err)
		}
		var urls []string
		var servers []*stage.Server
		stop := func() (all []stage.Usage, err error) {
			for _, one := range servers {
				u, stopped := one.Stop()
				all, err = append(all, u), errors.Join(err, stopped)
			}
			servers = nil
			return all, err
		}
		defer func() { _, _ = stop() }() // after an error, which is the news
		for range processes {
			one, err := k.Start(ctx, stage.Command{Program: k.Now, Run: []string{"serve", "--addr", "127.0.0.1:0", "--database", database}})
			if err != nil {
				return nil, err
			}
			servers, urls = append(servers, one), append(urls, one.URL)
		}
		key, err := stage.MakeAccount(ctx, urls[0], "bench")
		if err != nil {
			return nil, err
		}
		client, err := k.load(ctx, strings.Join(urls, ","), key, clients, pushes)
		if err != nil {
			return nil, err
		}
		took, err := stop()
		if err != nil {
			return nil, err
		}
		return served(pushes, client, took...)
	}}
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
