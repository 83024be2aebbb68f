// Package command is the shape that commands of all groups share: how their arguments are refused, how their work is told.
// Only the groups of commands and the root call it.
package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// Parent makes a command that only has others below it.
func Parent(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	cmd.Args = RefuseUnknown
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(below...)
	return cmd
}

// RefuseUnknown refuses what is no command below this one.
func RefuseUnknown(cmd *cobra.Command, args []string) error {
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

// Exactly wants this many arguments.
func Exactly(n int) cobra.PositionalArgs {
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

// Connected runs f with a connection to the configured remote.
func Connected(ws *workspace.Workspace, f func(context.Context, *workspace.Connection) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		return ws.With(cmd.Context(), func(conn *workspace.Connection) error { return f(cmd.Context(), conn) })
	}
}
