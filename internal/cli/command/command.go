// Package command is the shape that commands of all groups share: how their arguments are refused, how their work is told.
// Only the groups of commands and the root call it.
package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
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
	if similar := cmd.SuggestionsFor(args[0]); args[0] != "" && len(similar) > 0 {
		err = fmt.Errorf("%w: did you mean %s", err, strings.Join(similar, " or "))
	}
	return &terminal.UsageError{Command: cmd.CommandPath(), Err: err}
}

// TakeNamed lets cmd, and the commands below it, take the arguments that their Use
// names, save for those that have optional ones or look at them themselves.
func TakeNamed(cmd *cobra.Command) {
	if cmd.Args == nil && !strings.Contains(cmd.Use, "[") {
		cmd.Args = takeNamed
	}
	for _, below := range cmd.Commands() {
		TakeNamed(below)
	}
}

func takeNamed(cmd *cobra.Command, args []string) error {
	named := len(strings.Fields(cmd.Use)) - 1
	if len(args) == named {
		return nil
	}
	wants := "no arguments"
	if named > 0 {
		wants = "just this: " + cmd.Use
	}
	return &terminal.UsageError{Command: cmd.CommandPath(), Err: fmt.Errorf("%s takes %s", cmd.CommandPath(), wants)}
}

// CheckExitCode refuses --exit-code where its code 10 would not come: what moves
// something says with its own codes how that went.
func CheckExitCode(cmd *cobra.Command, exitCode, dryRun bool) error {
	if !exitCode || dryRun {
		return nil
	}
	return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--exit-code goes with --dry-run: without it the exit code says how the run went")}
}

// Connected runs f with a connection to the configured remote.
func Connected(ws *workspace.Workspace, f func(context.Context, *workspace.Connection) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		return ws.With(cmd.Context(), func(conn *workspace.Connection) error { return f(cmd.Context(), conn) })
	}
}

// verbs say what is being done.
var verbs = map[work.Direction]string{work.Pulled: "pulling", work.Pushed: "pushing", work.Compared: "comparing", work.Looked: "reading", "": "verifying"}

// Progress shows what is told of work on many things of a kind. stop must be
// called before the result is printed.
func Progress(term *terminal.Terminal, noun string) (report func(work.Event), stop func()) {
	p := term.Progress(noun)
	if p == nil {
		return nil, func() {}
	}
	return func(e work.Event) {
		switch e.Kind {
		case work.EventPlan:
			p.Begin(verbs[e.Direction], e.Items)
		case work.EventMore:
			p.More(e.Items)
		case work.EventSize:
			p.Expect(e.Bytes)
		case work.EventBytes:
			p.Moved(e.Bytes)
		case work.EventDone:
			p.Done()
		}
	}, p.Stop
}

// NoteProject says which project a project server is asked about, and what named it.
func NoteProject(term *terminal.Terminal, conn *workspace.Connection) {
	if conn.PerProject() {
		term.Note("project %s, from %s", terminal.Visible(conn.Project.Name), terminal.Visible(conn.Project.From))
	}
}
