package chunks

import (
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const pushLong = `Upload the chunks of the chunk directory that the remote lacks.

Chunks go up byte for byte; to a project server the project's rows go, in the
server's own form. Each is checked against its id while it is sent;
a damaged one is not stored. After the upload the remote's manifest is read
once more: what the server accepted, but does not list, counts as failed.

Without arguments all missing chunks are pushed. Arguments are chunk ids, or
the first digits of some.`

func NewPush(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	t := &transfer{term: term, ws: ws, opts: syncer.Options{Push: true}}
	return t.cobra(&cobra.Command{
		Use:     "push [CHUNK-ID...]",
		Short:   "Upload local chunks that the remote lacks",
		Long:    problem.Help(pushLong, problem.Transfer),
		Example: "  engram-sync push\n  engram-sync push --dry-run --exit-code\n  engram-sync push 85b7 --verify",
	}, t.addVerify, t.project.addPush)
}
