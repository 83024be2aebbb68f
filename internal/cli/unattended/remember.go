package unattended

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// all says that a command was about all chunks or rows, and not some that were named or asked for; mutations have other
// arguments.
func all(cmd *cobra.Command, words []string) bool {
	return !command.Chooses(cmd) && (cmd.Parent().HasParent() || len(words) == 0)
}

// remember keeps when something was done with the remote, for status to show. What cannot be kept is missed by
// nobody but status, and fails no run.
func remember(ws *workspace.Workspace, does []string) {
	if len(does) == 0 {
		return
	}
	remote, err := ws.RemoteLabel()
	var dir string
	if err == nil {
		dir, err = ws.Place()
	}
	for _, done := range does {
		if err == nil {
			err = state.NoteSuccess(ws.State(), remote, dir, done, time.Now())
		}
	}
	if err != nil {
		ws.Log.Info("remember when this last succeeded", "error", err)
	}
}
