// Package mutations is the commands about the journal of a server: mutations push and mutations pull.
// Only the root of the commands calls it.
package mutations

import (
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const mutationsLong = `Move single changes, as the server's journal has them.

A mutation is one change to a session, an observation or a prompt. The server
numbers those of an account in one list, its journal, that only ever grows.
Mutations and chunks are two separate things to it: pushing one never makes
the other.`

func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return command.Parent(&cobra.Command{
		Use:   "mutations",
		Short: "Send changes to the server's journal, and fetch them from it",
		Long:  mutationsLong,
	},
		newPush(term, ws),
		newPull(term, ws),
	)
}
