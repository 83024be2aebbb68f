package rows

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/material"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

// The chunks of the rows about their number; about how large they are; and about distances.
func (k *kit) counts() []int {
	return choose(k, []int{5, 20}, []int{10, 100, 500, 1000, 10_000}, []int{10, 100, 500, 1000, 10_000, 100_000})
}

func (k *kit) sizes() []int {
	return choose(k, []int{kB, 100 * kB}, []int{kB, 32 * kB, mB, 8 * mB, 40 * mB}, []int{kB, 10 * kB, 100 * kB, mB, 8 * mB, 40 * mB})
}

// growth compares a chunk of 10,000 with one of 500.
func (k *kit) growth() *bench.Growth {
	return choose(k, &bench.Growth{Figure: cpuChunk, From: 0, To: 1}, &bench.Growth{Figure: cpuChunk, From: 2, To: 4}, &bench.Growth{Figure: cpuChunk, From: 2, To: 4})
}

const aboutStandIn = "The stand-in does it as engram 1.9.4 does: one request at a time, each chunk whole in memory, its rows decoded and encoded again, " +
	"files written without a check or a wait for the disk. "

func (k *kit) pullCount() bench.Row {
	return bench.Row{
		Name: "pull-count", Title: "Pull: many small chunks",
		About: "Chunks of 1 KB come from `engram-sync serve` into an empty directory. " + aboutStandIn +
			"engram-sync checks each chunk against its id, and a chunk that it names is on the disk. Each run begins with an empty home.",
		Figures: []bench.Figure{cpuChunk, memory, wall}, Peers: []string{standIn}, Growth: k.growth(),
		Plot:  &bench.Plot{Name: "pull-count", Title: "Pull of chunks of 1 KB: CPU a chunk", Across: "chunks", Figure: cpuChunk},
		Cases: k.byCount(k.pulls),
	}
}

func (k *kit) pushCount() bench.Row {
	return bench.Row{
		Name: "push-count", Title: "Push: many small chunks",
		About:   "The same chunks go to an account that has none. engram-sync reads the manifest of the server again at the end, to see that all have arrived.",
		Figures: []bench.Figure{cpuChunk, memory, wall}, Peers: []string{standIn}, Growth: k.growth(),
		Plot:  &bench.Plot{Name: "push-count", Title: "Push of chunks of 1 KB: CPU a chunk", Across: "chunks", Figure: cpuChunk},
		Cases: k.byCount(k.pushes),
	}
}

// transfer makes the contest of a pull or a push of n chunks of a size, over a distance.
type transfer func(n, size int, roundTrip time.Duration) func(context.Context) (bench.Contest, error)

func (k *kit) byCount(t transfer) []bench.Case {
	var cases []bench.Case
	for _, n := range k.counts() {
		cases = append(cases, bench.Case{Name: chunksOf(n, kB), X: float64(n), Open: t(n, kB, near)})
	}
	return cases
}

func (k *kit) pullSize() bench.Row {
	return bench.Row{
		Name: "pull-size", Title: "Pull: one chunk of any size",
		About:   "One chunk comes down. The bare work is SHA-256 and gzip of the same bytes, by a program that does nothing else. Below 1 MB it is the start of the programs that counts.",
		Figures: []bench.Figure{cpuMB, cpu, memory, wall}, Peers: []string{standIn, bare},
		Plot:  &bench.Plot{Name: "pull-size", Title: "Pull of one chunk: CPU a MB", Across: "MB", Figure: cpuMB},
		Cases: k.bySize(k.pulls, k.barePull),
	}
}

func (k *kit) pushSize() bench.Row {
	return bench.Row{
		Name: "push-size", Title: "Push: one chunk of any size",
		About:   "One chunk goes up. The bare work is gunzip and SHA-256 of the same file.",
		Figures: []bench.Figure{cpuMB, cpu, memory, wall}, Peers: []string{standIn, bare},
		Plot:  &bench.Plot{Name: "push-size", Title: "Push of one chunk: CPU a MB", Across: "MB", Figure: cpuMB},
		Cases: k.bySize(k.pushes, k.bareRead),
	}
}

func (k *kit) bySize(t transfer, work func(*material.Chunks) (bench.Contestant, error)) []bench.Case {
	var cases []bench.Case
	for _, size := range k.sizes() {
		cases = append(cases, bench.Case{Name: bytesName(size), X: float64(size) / mB, Open: func(ctx context.Context) (bench.Contest, error) {
			chunks, err := k.set(1, size)
			if err != nil {
				return bench.Contest{}, err
			}
			contest, err := t(1, size, near)(ctx)
			if err != nil {
				return contest, err
			}
			bareOne, err := work(chunks)
			contest.Contestants = append(contest.Contestants, bareOne)
			return contest, err
		}})
	}
	return cases
}

// far are the cases over a distance. One request at a time takes minutes over 100 ms, so there are fewer chunks then.
func (k *kit) far(t transfer) []bench.Case {
	var cases []bench.Case
	for _, c := range []struct{ ms, n int }{
		{0, choose(k, 5, 500, 500)}, {20, choose(k, 5, 500, 500)}, {100, choose(k, 2, 200, 500)},
	} {
		name := fmt.Sprintf("%d ms, %s", c.ms, chunksOf(c.n, 32*kB))
		cases = append(cases, bench.Case{Name: name, X: float64(c.ms), Open: t(c.n, 32*kB, time.Duration(c.ms)*time.Millisecond)})
	}
	return cases
}

func (k *kit) pullFar() bench.Row {
	return bench.Row{
		Name: "pull-far", Title: "Pull over a distance",
		About: "Chunks of 32 KB over a round trip of so many milliseconds, eight at once with engram-sync (its default) and one at a time with the stand-in. " +
			"Here time counts, and it is the one row where it is the headline.",
		Figures: []bench.Figure{wall, cpuChunk, memory}, Peers: []string{standIn}, Cases: k.far(k.pulls),
	}
}

func (k *kit) pushFar() bench.Row {
	return bench.Row{
		Name: "push-far", Title: "Push over a distance", About: "The same chunks, the other way.",
		Figures: []bench.Figure{wall, cpuChunk, memory}, Peers: []string{standIn}, Cases: k.far(k.pushes),
	}
}

// pulls are pulls of a whole account into an empty directory.
func (k *kit) pulls(n, size int, roundTrip time.Duration) func(context.Context) (bench.Contest, error) {
	return func(ctx context.Context) (bench.Contest, error) {
		chunks, data, err := k.full(ctx, n, size)
		if err != nil {
			return bench.Contest{}, err
		}
		return k.moves(ctx, "pull", chunks, roundTrip, func(ctx context.Context, m mover, proxy *stage.Proxy) (u stage.Usage, err error) {
			dir := k.Temp("pulled")
			defer gone(dir)
			err = k.serving(ctx, k.Now, data, nil, func(server string) error {
				u, err = over(proxy, server, func(url string) (stage.Usage, error) { return k.Run(ctx, m.command(url, data.Key, dir)) })
				return err
			})
			if err == nil {
				err = chunks.CheckDir(dir)
			}
			return u, err
		})
	}
}

// pushes are pushes of a whole directory to an empty account.
func (k *kit) pushes(n, size int, roundTrip time.Duration) func(context.Context) (bench.Contest, error) {
	return func(ctx context.Context) (bench.Contest, error) {
		chunks, err := k.set(n, size)
		if err != nil {
			return bench.Contest{}, err
		}
		return k.moves(ctx, "push", chunks, roundTrip, func(ctx context.Context, m mover, proxy *stage.Proxy) (u stage.Usage, err error) {
			data, err := k.Empty(ctx, k.Now)
			if err != nil {
				return u, err
			}
			defer gone(data.Dir)
			err = k.serving(ctx, k.Now, data, nil, func(server string) error {
				u, err = over(proxy, server, func(url string) (stage.Usage, error) { return k.Run(ctx, m.command(url, data.Key, chunks.Dir)) })
				if err != nil {
					return err
				}
				return stage.CheckAccount(ctx, server, data.Key, chunks)
			})
			return u, err
		})
	}
}

// moves are the contestants that move chunks, behind one proxy.
func (k *kit) moves(
	ctx context.Context, verb string, chunks *material.Chunks, roundTrip time.Duration,
	move func(context.Context, mover, *stage.Proxy) (stage.Usage, error),
) (bench.Contest, error) {
	proxy, err := stage.NewProxy(ctx, roundTrip)
	if err != nil {
		return bench.Contest{}, err
	}
	contest := bench.Contest{Close: proxy.Close}
	for _, m := range k.movers(verb) {
		contest.Contestants = append(contest.Contestants, bench.Contestant{Name: m.name, Run: func(ctx context.Context) (bench.Sample, error) {
			u, err := move(ctx, m, proxy)
			return ofChunks(u, chunks), err
		}})
	}
	return contest, nil
}

// ofChunks has what a process took for each chunk, and for each MB.
func ofChunks(u stage.Usage, chunks *material.Chunks) bench.Sample {
	s := sample(u)
	s[cpuChunk] = u.CPU.Seconds() / float64(chunks.Len())
	s[cpuMB] = u.CPU.Seconds() / (float64(chunks.Bytes) / mB)
	return s
}

// bareRead is the bare work on the files of a directory.
func (k *kit) bareRead(chunks *material.Chunks) (bench.Contestant, error) {
	return k.barely(chunks, "gunzip", "-dir", chunks.Dir), nil
}

// barePull is the bare work of a pull of them.
func (k *kit) barePull(chunks *material.Chunks) (bench.Contestant, error) {
	raw := filepath.Join(chunks.Dir, "..", "raw")
	if err := material.Unpack(chunks.Dir, raw); err != nil {
		return bench.Contestant{}, err
	}
	return k.barely(chunks, "gzip", "-file", raw), nil
}

func (k *kit) barely(chunks *material.Chunks, mode string, args ...string) bench.Contestant {
	return bench.Contestant{Name: bare, Run: func(ctx context.Context) (bench.Sample, error) {
		u, err := k.Run(ctx, stage.Command{Program: k.Mode(mode), Run: args})
		return ofChunks(u, chunks), err
	}}
}
