package chunks

import (
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const syncLong = `Pull, then push: afterwards both sides have all chunks.

What pull and push say about themselves is true here too.`

func NewSync(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	t := &transfer{term: term, ws: ws, opts: syncer.Options{Pull: true, Push: true}, create: true}
	return t.cobra(&cobra.Command{
		Use:     "sync",
		Short:   "Pull, then push",
		Long:    problem.Help(syncLong, problem.Transfer),
		Example: "  engram-sync sync\n  engram-sync sync --json",
		Args:    command.Exactly(0),
	}, t.addAcceptReduced, t.addVerify, t.project.addPush, t.project.addPull)
}
