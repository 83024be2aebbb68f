package rows

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
)

var firstByte = bench.Figure{Name: "until the first byte", Unit: bench.Seconds}

// project is the push to a project server, which takes rows in a form of its own.
func (k *kit) project() bench.Row {
	size := choose(k, 100*kB, 40*mB, 40*mB)
	row := bench.Row{
		Name: "project", Title: "Push of large chunks to a project server",
		About: "A project server takes no more than 8 MiB at once and computes the id of each push itself, from the rows in a form of its own: chunks are taken apart and put together anew. " +
			"The time until the first byte is from the start of the program until the server, a stand-in from the tests, has 4 KiB of a chunk. " +
			"The bare work is gunzip and SHA-256 of the same files.",
		Figures: []bench.Figure{firstByte, cpuMB, cpu, memory, wall}, Peers: []string{bare},
	}
	for _, n := range choose(k, []int{2}, []int{4}, []int{4, 16}) {
		row.Cases = append(row.Cases, bench.Case{Name: chunksOf(n, size), X: float64(n), Open: k.projectPushes(n, size)})
	}
	return row
}

func (k *kit) projectPushes(n, size int) func(context.Context) (bench.Contest, error) {
	return func(ctx context.Context) (contest bench.Contest, err error) {
		chunks, err := k.set(n, size)
		if err != nil {
			return contest, err
		}
		for _, p := range k.programs() {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: p.name, Run: func(ctx context.Context) (bench.Sample, error) {
				u, first, err := k.pushToProject(ctx, p.Program, chunks.Dir, chunks.Memories)
				s := ofChunks(u, chunks)
				s[firstByte] = first.Sub(u.Started).Seconds()
				return s, err
			}})
		}
		bareOne, err := k.bareRead(chunks)
		contest.Contestants = append(contest.Contestants, bareOne)
		return contest, err
	}
}

// pushToProject gives what a push took, and when the server had the first bytes of a chunk.
func (k *kit) pushToProject(ctx context.Context, p stage.Program, dir string, memories int64) (u stage.Usage, first time.Time, err error) {
	const token = "bench-secret-token"
	server, err := k.Start(ctx, stage.Command{Program: k.Mode("project"), Run: []string{"-token", token}})
	if err != nil {
		return u, first, err
	}
	u, err = k.Run(ctx, engramSync(p, server.URL, token, "push", "--quiet", "--project", corpus.Project, "--dir", dir))
	if err == nil {
		err = stage.CheckProject(ctx, server.URL, token, corpus.Project, memories)
	}
	told, stopped := server.Stop()
	if err = errors.Join(err, stopped); err != nil {
		return u, first, err
	}
	nanos, err := strconv.ParseInt(strings.TrimSpace(told.Stdout), 10, 64)
	if err != nil {
		return u, first, fmt.Errorf("the project server does not say when a chunk came: %w", err)
	}
	return u, time.Unix(0, nanos), nil
}
