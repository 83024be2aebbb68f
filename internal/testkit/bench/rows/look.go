package rows

import (
	"context"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

// look is what people ask a chunk directory.
func (k *kit) look() bench.Row {
	c := choose(k, chunkKey{20, kB}, chunkKey{10_000, kB}, chunkKey{10_000, kB})
	row := bench.Row{
		Name: "look", Title: "search, log and show",
		About: "A chunk directory of " + chunksOf(c.n, c.size) + ": the first search, for which every chunk is read into an index, and what is asked later. " +
			"The bare work is gunzip and SHA-256 of the same files, without which nothing could look into them.",
		Figures: []bench.Figure{cpu, memory, wall}, Peers: []string{bare}, Headline: laterSearch,
	}
	for _, a := range []asked{
		{"the first search", []string{"search", "latency"}, false},
		{laterSearch, []string{"search", "latency"}, true},
		{"log", []string{"log"}, true},
		{"show", []string{"show"}, true},
	} {
		row.Cases = append(row.Cases, bench.Case{Name: a.name, Open: k.asks(c, a)})
	}
	return row
}

const laterSearch = "a later search"

// asked is a command, and whether one has made the index before.
type asked struct {
	name  string
	words []string
	later bool
}

func (k *kit) asks(c chunkKey, a asked) func(context.Context) (bench.Contest, error) {
	return func(context.Context) (contest bench.Contest, err error) {
		chunks, err := k.set(c.n, c.size)
		if err != nil {
			return contest, err
		}
		if a.words[0] == "show" {
			a.words = []string{"show", chunks.IDs()[c.n/2]}
		}
		for _, p := range k.programs() {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: p.name, Run: func(ctx context.Context) (bench.Sample, error) {
				look := stage.Command{Program: p.Program, Run: append(a.words, "--dir", chunks.Dir), Home: k.Temp("home")}
				defer gone(look.Home)
				if a.later {
					if _, err := k.Run(ctx, look); err != nil {
						return nil, err
					}
				}
				u, err := k.Run(ctx, look)
				return sample(u), err
			}})
		}
		bareOne, err := k.bareRead(chunks)
		contest.Contestants = append(contest.Contestants, bareOne)
		return contest, err
	}
}
