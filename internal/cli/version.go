package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is what main was built as.
var version = "dev"

func newVersionCmd(app *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    withCodes("Print the version of engram-sync, of Go, and the platform.", codeOK),
		GroupID: groupOther,
		Args:    exactly(0),
		// It must work whatever is wrong with the configuration.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(*cobra.Command, []string) error {
			if app.json {
				app.printJSON(app.stdout, map[string]any{
					"schema": resultSchema, "version": version, "go": runtime.Version(), "platform": platform(),
				})
				return nil
			}
			_, err := fmt.Fprintln(app.stdout, versionLine())
			return err
		},
	}
}

// versionLine is what version and --version print.
func versionLine() string {
	return fmt.Sprintf("engram-sync %s (%s, %s)", version, runtime.Version(), platform())
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
