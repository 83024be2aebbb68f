package rows

import (
	"context"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/material"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
)

// export is the first export of a large database.
func (k *kit) export() bench.Row {
	row := bench.Row{
		Name: "export", Title: "export",
		About: "The database of engram 1.16.1 with so many memories of 1 KB, ten a session, and its journal of them; none is in a chunk yet. " +
			"The bare work is SHA-256 and gzip of the text that the chunks then hold.",
		Figures: []bench.Figure{cpu, memory, wall}, Peers: []string{bare},
	}
	for _, memories := range choose(k, []int{200}, []int{20_000}, []int{20_000, 200_000}) {
		row.Cases = append(row.Cases, bench.Case{Name: number(memories) + " memories", X: float64(memories), Open: k.exports(memories)})
	}
	return row
}

func (k *kit) exports(memories int) func(context.Context) (bench.Contest, error) {
	return func(ctx context.Context) (contest bench.Contest, err error) {
		database := k.Temp("database")
		if err := material.WriteDatabase(ctx, database, memories); err != nil {
			return contest, err
		}
		export := func(ctx context.Context, p stage.Program, to string) (stage.Usage, error) {
			u, err := k.Run(ctx, stage.Command{
				Program: p, Run: []string{"export", "--quiet", "--project", corpus.Project, "--dir", to},
				Env: map[string]string{"ENGRAM_DATA_DIR": database},
			})
			if err == nil {
				err = material.CheckExport(to, memories)
			}
			return u, err
		}
		first, raw := filepath.Join(k.Temp("exported"), ".engram"), k.Temp("raw")
		if _, err := export(ctx, k.Now, first); err != nil {
			return contest, err
		}
		if err := material.Unpack(first, raw); err != nil {
			return contest, err
		}
		for _, p := range k.programs() {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: p.name, Run: func(ctx context.Context) (bench.Sample, error) {
				to := k.Temp("exported")
				defer gone(to)
				u, err := export(ctx, p.Program, filepath.Join(to, ".engram"))
				return sample(u), err
			}})
		}
		contest.Contestants = append(contest.Contestants, bench.Contestant{Name: bare, Run: func(ctx context.Context) (bench.Sample, error) {
			u, err := k.Run(ctx, stage.Command{Program: k.Mode("gzip"), Run: []string{"-file", raw}})
			return sample(u), err
		}})
		return contest, nil
	}
}

const gitMerge = "git merge-file"

// mergeDriver is the merge of two branches that added chunks.
func (k *kit) mergeDriver() bench.Row {
	n := choose(k, 100, 10_000, 10_000)
	return bench.Row{
		Name: "merge-driver", Title: "merge-driver",
		About: "Two manifests that each added a hundredth to the same ancestor become one. `git merge-file` is what git does without the driver: " +
			"it knows nothing of JSON, and leaves conflicts.",
		Figures: []bench.Figure{cpu, memory, wall}, Peers: []string{gitMerge},
		Cases: []bench.Case{{Name: number(n) + " entries", X: float64(n), Open: k.merges(n)}},
	}
}

func (k *kit) merges(n int) func(context.Context) (bench.Contest, error) {
	return func(context.Context) (contest bench.Contest, err error) {
		dir := k.Temp("branches")
		branches, err := material.WriteBranches(dir, n)
		if err != nil {
			return contest, err
		}
		for _, p := range k.programs() {
			contest.Contestants = append(contest.Contestants, bench.Contestant{Name: p.name, Run: func(ctx context.Context) (bench.Sample, error) {
				copied := k.Temp("branches")
				defer gone(copied)
				if err := stage.CopyDir(copied, dir); err != nil {
					return nil, err
				}
				ours := filepath.Join(copied, filepath.Base(branches.Ours))
				u, err := k.Run(ctx, stage.Command{Program: p.Program, Run: []string{"merge-driver", branches.Ancestor, ours, branches.Theirs}})
				if err == nil {
					err = branches.CheckMerged(ours)
				}
				return sample(u), err
			}})
		}
		contest.Contestants = append(contest.Contestants, bench.Contestant{Name: gitMerge, Run: func(ctx context.Context) (bench.Sample, error) {
			u, err := k.Run(ctx, stage.Command{
				Program: stage.Program{Path: "git"}, Run: []string{"merge-file", "--stdout", "--quiet", branches.Ours, branches.Ancestor, branches.Theirs},
			}, conflicts()...)
			return sample(u), err
		}})
		return contest, nil
	}
}

// conflicts are the exit codes with which git merge-file says how many it left; where there are more
// than it can say, it says 127.
func conflicts() []int {
	var codes []int
	for n := 1; n <= 127; n++ {
		codes = append(codes, n)
	}
	return codes
}

const onlyCobra = "a bare command"

// start is what every run pays.
func (k *kit) start() bench.Row {
	return bench.Row{
		Name: "start", Title: "Start-up",
		About:   "`engram-sync version`, beside a program that has nothing but one command of Cobra, the library that both have their flags from. The least of the runs says most.",
		Figures: []bench.Figure{cpu, wall, memory}, Peers: []string{onlyCobra}, Runs: choose(k, 2, 20, 20),
		Cases: []bench.Case{{Name: "version", Open: func(ctx context.Context) (contest bench.Contest, err error) {
			cobra := k.Temp("bare")
			if err := k.Build(ctx, cobra, "./scripts/bench/testdata/bare"); err != nil {
				return contest, err
			}
			for _, p := range append(k.programs(), named{stage.Program{Path: cobra}, onlyCobra}) {
				contest.Contestants = append(contest.Contestants, bench.Contestant{Name: p.name, Run: func(ctx context.Context) (bench.Sample, error) {
					u, err := k.Run(ctx, stage.Command{Program: p.Program, Run: []string{"version"}})
					return sample(u), err
				}})
			}
			return contest, nil
		}}},
	}
}
