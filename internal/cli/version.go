package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

func newVersion(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  problem.Help("Print the version of engram-sync, of Go, and the platform.", nil, problem.OK),
		Args:  command.Exactly(0),
		// It must work whatever is wrong with the configuration.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(*cobra.Command, []string) error {
			return term.Value(
				terminal.Fields{"version": ws.Version, "go": runtime.Version(), "platform": platform()}, versionLine(ws.Version))
		},
	}
}

// versionLine is what version and --version print.
func versionLine(version string) string {
	return fmt.Sprintf("engram-sync %s (%s, %s)", version, runtime.Version(), platform())
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
