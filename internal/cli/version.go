package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

func newVersionCmd(app *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    problem.Help("Print the version of engram-sync, of Go, and the platform.", nil, problem.OK),
		GroupID: groupOther,
		Args:    exactly(0),
		// It must work whatever is wrong with the configuration.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(*cobra.Command, []string) error {
			if app.JSON {
				terminal.PrintJSON(app.Stdout, map[string]any{
					"schema": terminal.Schema, "version": app.Version, "go": runtime.Version(), "platform": platform(),
				})
				return nil
			}
			_, err := fmt.Fprintln(app.Stdout, versionLine(app.Version))
			return err
		},
	}
}

// versionLine is what version and --version print.
func versionLine(version string) string {
	return fmt.Sprintf("engram-sync %s (%s, %s)", version, runtime.Version(), platform())
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
