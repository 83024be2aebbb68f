// Package chunks is the commands about chunks: push, pull, sync, status, manifest, verify and export.
// Only the root of the commands calls it.
package chunks

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// transfer is one run of push, pull or sync.
type transfer struct {
	term             *terminal.Terminal
	ws               *workspace.Workspace
	command          string
	opts             syncer.Options // as the command and its flags want them
	dryRun, exitCode bool
	words            []string // chunk ids or their beginnings
	create           bool     // make the directory if there is none

	project projectOptions

	dir  syncer.Local
	path string
}

// cobra makes the command, with its own flags.
func (t *transfer) cobra(cmd *cobra.Command, flags ...func(*cobra.Command)) *cobra.Command {
	t.command = cmd.Name()
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		t.words = words
		return t.run(cmd.Context())
	}
	cmd.Flags().BoolVarP(&t.dryRun, "dry-run", "n", false, "show what would be done, and do nothing")
	cmd.Flags().BoolVar(&t.exitCode, "exit-code", false, "with --dry-run: exit with 10 if there is something to do")
	for _, add := range flags {
		add(cmd)
	}
	return cmd
}

func (t *transfer) addAcceptReduced(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.opts.AcceptReduced, "accept-reduced", false,
		"store chunks that an old client re-encoded under the id of their real bytes")
}

func (t *transfer) addVerify(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.opts.ReadBack, "verify", false, "download what was pushed, and compare the bytes")
}

// run looks at both sides and moves what is asked for.
func (t *transfer) run(ctx context.Context) (err error) {
	var unlock func()
	t.dir, t.path, unlock, err = t.ws.Claim(ctx, workspace.Claim{Command: t.command, Create: t.create, DryRun: t.dryRun})
	if err != nil {
		return err
	}
	defer unlock()
	return t.ws.With(ctx, func(conn *workspace.Connection) error { return t.move(ctx, conn) })
}

// move compares both sides, moves what is missing, and says so.
func (t *transfer) move(ctx context.Context, conn *workspace.Connection) error {
	diff, err := syncer.Compare(ctx, t.dir, conn, lookOptions(t.ws, conn, t.dir, t.project))
	if err != nil {
		return err
	}
	opts := t.opts
	opts.Concurrency, opts.Fatal = t.ws.Config.Concurrency, problem.Common
	if opts.Only, err = diff.Select(t.words, opts); err != nil {
		return err
	}
	r := result{remote: conn.Label, dir: t.path, dryRun: t.dryRun, exitCode: t.exitCode}
	var adoption syncer.Adoption
	if opts.Pull {
		if diff, adoption, err = diff.Adopt(ctx, opts, t.dryRun); err != nil {
			return err
		}
		r.adopted = adoption.Adopted
	} else {
		r.orphans = diff.Orphans
	}
	if opts.Push {
		r.behind = diff.Omitted
	}
	if opts.Pull {
		r.serverMade = diff.ServerMade
	}
	if t.dryRun {
		r.planned, r.Result = syncer.Plan(diff, opts)
	} else {
		var stop func()
		opts.Report, stop = command.Progress(t.term)
		r.Result = syncer.Run(ctx, diff, opts)
		stop()
	}
	r.Failed = append(r.Failed, adoption.Failed...)
	defer noteUnexported(ctx, t.term, t.ws, t.dir)
	return printResult(t.term, t.ws, r)
}
