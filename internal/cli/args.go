package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/terminal"
)

func refuseUnknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	cmd.SuggestionsMinimumDistance = 2 // which is cobra's own where it checks by itself
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		err = fmt.Errorf("%w: did you mean %s", err, strings.Join(similar, " or "))
	}
	return &terminal.UsageError{Command: cmd.CommandPath(), Err: err}
}

// exactly wants this many arguments.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		wants := "no arguments"
		if n > 0 {
			wants = "just this: " + cmd.Use
		}
		return &terminal.UsageError{Command: cmd.CommandPath(), Err: fmt.Errorf("%s takes %s", cmd.CommandPath(), wants)}
	}
}
