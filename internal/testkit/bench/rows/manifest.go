package rows

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

// manifest is a server whose manifest is as large as a chunk.
func (k *kit) manifest() bench.Row {
	entries := choose(k, 1000, 505_000, 505_000) // of 111 bytes
	return bench.Row{
		Name: "manifest", Title: "A manifest of 56 MB",
		About: fmt.Sprintf("`status` in a directory of one chunk, against a server that lists %s chunks. The stand-in reads the answer whole, as engram 1.9.4 does, and counts.",
			number(entries)),
		Figures: []bench.Figure{memory, cpu, wall}, Peers: []string{standIn},
		Cases: []bench.Case{{Name: number(entries) + " entries", X: float64(entries), Open: k.readsManifest(entries)}},
	}
}

func (k *kit) readsManifest(entries int) func(context.Context) (bench.Contest, error) {
	return func(ctx context.Context) (contest bench.Contest, err error) {
		chunks, err := k.set(1, kB)
		if err != nil {
			return contest, err
		}
		server, err := k.Start(ctx, stage.Command{Program: k.Mode("manifest"), Run: []string{"-entries", strconv.Itoa(entries)}})
		if err != nil {
			return contest, err
		}
		contest.Close = func() { _, _ = server.Stop() } // what it took is nobody's concern
		add := func(name, says string, c stage.Command) {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: name, Run: func(ctx context.Context) (bench.Sample, error) {
				u, err := k.Run(ctx, c)
				if err == nil && !strings.Contains(strings.Join(strings.Fields(u.Stdout), " "), says) {
					err = fmt.Errorf("it does not say %q: %s", says, u.Stdout)
				}
				return sample(u), err
			}})
		}
		for _, p := range k.programs() {
			add(p.name, "to pull "+strconv.Itoa(entries), engramSync(p.Program, server.URL, "a-token", "status", "--dir", chunks.Dir))
		}
		add(standIn, strconv.Itoa(entries), stage.Command{Program: k.Mode("status"), Run: []string{"-url", server.URL, "-dir", chunks.Dir}})
		return contest, nil
	}
}
