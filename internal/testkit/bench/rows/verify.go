package rows

import (
	"context"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

// verify is the check of a directory, for the first time and again.
func (k *kit) verify() bench.Row {
	row := bench.Row{
		Name: "verify", Title: "verify",
		About: "Every chunk of a directory is read and checked: first with an empty home, then again with what the first run left there. " +
			"The bare work is gunzip and SHA-256 of the same files, both times. The first run looks for secrets as well, which the program before did not.",
		Figures: []bench.Figure{cpu, memory, wall}, Peers: []string{bare}, Headline: chunksOf(10_000, kB),
	}
	for _, c := range choose(k, []chunkKey{{20, kB}}, []chunkKey{{10_000, kB}, {4, 40 * mB}}, []chunkKey{{10_000, kB}, {4, 40 * mB}, {100_000, kB}}) {
		row.Cases = append(row.Cases,
			bench.Case{Name: chunksOf(c.n, c.size), Open: k.verifies(c, false)},
			bench.Case{Name: chunksOf(c.n, c.size) + ", again", Open: k.verifies(c, true)})
	}
	return row
}

func (k *kit) verifies(c chunkKey, again bool) func(context.Context) (bench.Contest, error) {
	return func(context.Context) (contest bench.Contest, err error) {
		chunks, err := k.set(c.n, c.size)
		if err != nil {
			return contest, err
		}
		for _, p := range k.programs() {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: p.name, Run: func(ctx context.Context) (bench.Sample, error) {
				// It ends with another code than 0 where it did not find every chunk whole.
				look := stage.Command{Program: p.Program, Run: []string{"verify", "--quiet", "--dir", chunks.Dir}, Home: k.Temp("home")}
				defer gone(look.Home)
				// Looking alone makes no directory for what is remembered.
				if err := os.MkdirAll(filepath.Join(look.Home, ".local", "state", "engram-sync"), 0o700); err != nil {
					return bench.Sample{}, err
				}
				u, err := k.Run(ctx, look)
				if err == nil && again {
					u, err = k.Run(ctx, look)
				}
				return ofChunks(u, chunks), err
			}})
		}
		bareOne, err := k.bareRead(chunks)
		contest.Contestants = append(contest.Contestants, bareOne)
		return contest, err
	}
}
