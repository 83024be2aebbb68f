package cli

import (
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const mutationsLong = `Move single changes, as the server's journal has them.

A mutation is one change to a session, an observation or a prompt. The server
numbers those of an account in one list, its journal, that only ever grows.
Mutations and chunks are two separate things to it: pushing one never makes
the other.`

func newMutationsCmd(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mutations",
		Short: "Send changes to the server's journal, and fetch them from it",
		Long:  mutationsLong,
		Args:  refuseUnknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newMutationsPushCmd(term, ws), newMutationsPullCmd(term, ws))
	return cmd
}
