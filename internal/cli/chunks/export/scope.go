package export

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// AddChoice declares what export leaves out; the flags are settings too.
func AddChoice(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Bool("no-prompts", false, "export no prompts")
	flags.Bool("no-directories", false, "export the project's name in the place of each session's directory")
	flags.String("types", "", "export only memories of these types, such as `decision,bugfix`")
}

// scope is which rows of engram.db this export is about.
func (x *Run) scope(generation engram.Generation) (memories.Scope, error) {
	choice := surroundings.Choice(x.ws)
	since, err := command.ReadTime(x.since, time.Now(), false)
	if err != nil {
		return memories.Scope{}, terminal.Usagef("--since: %w", err)
	}
	choice.Wants = choice.Wants.And(selection.Since(since)).And(x.wants)
	return memories.Scope{Project: x.project.Name, Personal: x.personal, Choice: choice, Generation: generation}, nil
}

func (x *Run) findProject(rule workspace.ProjectRule) (workspace.Project, error) {
	if x.all {
		return workspace.Project{From: "--all-projects"}, nil
	}
	return x.ws.FindProject(rule)
}

// checkTypes says which types that were asked for no memory of the database has. A setting may name some that come later.
func (x *Run) checkTypes(ctx context.Context) error {
	asked := x.wants
	if x.ws.Inputs.Flags.Changed("types") {
		asked = asked.And(surroundings.Choice(x.ws).Wants)
	}
	if len(asked.Types()) == 0 {
		return nil
	}
	var have []string
	err := x.db.Snapshot(ctx, func(s *engramdb.Snapshot) (err error) {
		have, err = s.Types(ctx)
		return err
	})
	if err == nil {
		command.WarnOfTypes(x.term, "engram.db has", asked.Types(), have)
	}
	return err
}
