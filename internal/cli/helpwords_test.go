package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// A flag that takes a value names it in capitals, and not by its type in the code; and no example
// puts a token among the arguments of another program, where everybody on the machine sees it.
func TestHelpNamesValuesAndShowsNoToken(t *testing.T) {
	term := terminal.New(strings.NewReader(""), io.Discard, io.Discard)
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			switch name, _ := pflag.UnquoteUsage(f); name {
			case "string", "strings", "int", "uint", "duration", "value":
				t.Errorf("%s --%s takes %q", cmd.CommandPath(), f.Name, name)
			}
		})
		if strings.Contains(cmd.Example, `Bearer $(`) {
			t.Errorf("%s: %s", cmd.CommandPath(), cmd.Example)
		}
		for _, sub := range cmd.Commands() {
			look(sub)
		}
	}
	look(newRootCmd(term, workspace.New(term, nil, "dev")))
}
