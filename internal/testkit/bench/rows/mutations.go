package rows

import (
	"context"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/material"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

var serverRow = bench.Figure{Name: "server's CPU a row", Unit: bench.Seconds}

const aboutJournal = "Each row is a memory of some 550 bytes. The CPU of the server is that of its whole life, start included; " +
	"engram-sync as it was runs against `serve` as it was, and the stand-in, which moves 100 rows at a time as engram 1.9.4 does, against `serve` as it is. "

func (k *kit) mutationsPush() bench.Row {
	return bench.Row{
		Name: "mutations-push", Title: "mutations push FILE",
		About:   "A journal goes to a server that has none. " + aboutJournal,
		Figures: []bench.Figure{cpuRow, serverRow, memory, wall}, Peers: []string{standIn},
		Cases: k.journals(func(journal *material.Journal) ([]bench.Contestant, error) {
			return k.journalists("mutations-push", func(ctx context.Context, p journalist) (client, server stage.Usage, err error) {
				data, err := k.Empty(ctx, p.server)
				if err != nil {
					return client, server, err
				}
				defer gone(data.Dir)
				err = k.serving(ctx, p.server, data, &server, func(url string) error {
					if client, err = k.Run(ctx, p.command(url, data.Key, journal.Path)); err != nil {
						return err
					}
					return stage.CheckJournal(ctx, url, data.Key, journal)
				})
				return client, server, err
			}, journal, "mutations", "push", "--quiet"), nil
		}),
	}
}

func (k *kit) mutationsPull() bench.Row {
	return bench.Row{
		Name: "mutations-pull", Title: "mutations pull --output FILE",
		About:   "A journal comes into a new file. " + aboutJournal,
		Figures: []bench.Figure{cpuRow, serverRow, memory, wall}, Peers: []string{standIn},
		Cases: k.journals(func(journal *material.Journal) ([]bench.Contestant, error) {
			filled := map[string]stage.Data{}
			return k.journalists("mutations-pull", func(ctx context.Context, p journalist) (client, server stage.Usage, err error) {
				data, err := k.journalOn(ctx, p.server, journal, filled)
				if err != nil {
					return client, server, err
				}
				out := k.Temp("out.jsonl")
				defer gone(out)
				err = k.serving(ctx, p.server, data, &server, func(url string) error {
					client, err = k.Run(ctx, p.command(url, data.Key, out))
					return err
				})
				if err == nil {
					err = journal.Check(out)
				}
				return client, server, err
			}, journal, "mutations", "pull", "--quiet", "--output"), nil
		}),
	}
}

// journals are the cases of a row about a journal.
func (k *kit) journals(open func(*material.Journal) ([]bench.Contestant, error)) []bench.Case {
	var cases []bench.Case
	for _, rows := range choose(k, []int{300}, []int{50_000}, []int{50_000, 400_000}) {
		cases = append(cases, bench.Case{Name: number(rows) + " rows", X: float64(rows), Open: func(context.Context) (bench.Contest, error) {
			journal, err := material.WriteJournal(filepath.Join(k.Dir, "journal-"+number(rows)+".jsonl"), rows)
			if err != nil {
				return bench.Contest{}, err
			}
			contestants, err := open(journal)
			return bench.Contest{Contestants: contestants}, err
		}})
	}
	return cases
}

// journalist is a program that moves journals, and the program that serves it.
type journalist struct {
	server  stage.Program
	command func(url, key, file string) stage.Command
}

// journalists are the contestants of a row about a journal: engram-sync with these arguments, and the
// mode of the stand-in.
func (k *kit) journalists(
	mode string, move func(context.Context, journalist) (client, server stage.Usage, err error), journal *material.Journal, args ...string,
) []bench.Contestant {
	var all []bench.Contestant
	add := func(name string, j journalist) {
		all = append(all, bench.Contestant{Name: name, Run: func(ctx context.Context) (bench.Sample, error) {
			client, server, err := move(ctx, j)
			s := sample(client)
			s[cpuRow] = client.CPU.Seconds() / float64(journal.Rows)
			s[serverRow] = server.CPU.Seconds() / float64(journal.Rows)
			return s, err
		}})
	}
	for _, p := range k.programs() {
		add(p.name, journalist{p.Program, func(url, key, file string) stage.Command {
			return engramSync(p.Program, url, key, append(args[:len(args):len(args)], file)...)
		}})
	}
	add(standIn, journalist{k.Now, func(url, key, file string) stage.Command {
		return stage.Command{Program: k.Mode(mode), Run: []string{"-url", url, "-token", key, "-file", file}}
	}})
	return all
}

// journalOn is the data of a server of this program that has the journal.
func (k *kit) journalOn(ctx context.Context, p stage.Program, journal *material.Journal, filled map[string]stage.Data) (stage.Data, error) {
	if data, ok := filled[p.Path]; ok {
		return data, nil
	}
	data, err := k.Empty(ctx, p)
	if err != nil {
		return data, err
	}
	err = k.serving(ctx, p, data, nil, func(url string) error {
		if _, err := k.Run(ctx, engramSync(k.Now, url, data.Key, "mutations", "push", "--quiet", journal.Path)); err != nil {
			return err
		}
		return stage.CheckJournal(ctx, url, data.Key, journal)
	})
	if err == nil {
		filled[p.Path] = data
	}
	return data, err
}
