package cli

import (
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

const syncLong = `Pull, then push: afterwards both sides have all chunks.

What pull and push say about themselves is true here too.`

func newSyncCmd(app *app) *cobra.Command {
	t := &transfer{app: app, command: "sync", opts: syncer.Options{Pull: true, Push: true}, create: true}
	cmd := &cobra.Command{
		Use:     "sync",
		Short:   "Pull, then push",
		Long:    problem.Help(syncLong, problem.Transfer),
		Example: "  engram-sync sync\n  engram-sync sync --json",
		GroupID: groupSync,
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.run(cmd.Context())
		},
	}
	t.addDryRun(cmd)
	t.addAcceptReduced(cmd)
	t.addVerify(cmd)
	t.project.addPush(cmd)
	t.project.addPull(cmd)
	return cmd
}
