package chunks

import (
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const pullLong = `Download the chunks of the remote that are missing here.

A chunk gets its name on disk only after its bytes were found to hash to its
id. Files that an interrupted run left without a manifest entry are adopted.
Where there is no chunk directory yet, .engram is made at the top of the git
work tree, or wherever --dir says.

Chunks that old clients re-encoded while pushing cannot be verified; they are
listed and not stored, unless --accept-reduced asks for them: then they are
stored under the id that fits their bytes.

Without arguments all missing chunks are pulled. Arguments are chunk ids, or
the first digits of some.`

func NewPull(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	t := &transfer{term: term, ws: ws, opts: syncer.Options{Pull: true}, create: true}
	return t.cobra(&cobra.Command{
		Use:     "pull [CHUNK-ID...]",
		Short:   "Download remote chunks that are missing here",
		Long:    problem.Help(pullLong, problem.Transfer),
		Example: "  engram-sync pull\n  engram-sync pull --dir /backup/engram --quiet",
	}, t.addAcceptReduced, t.project.addPull)
}
