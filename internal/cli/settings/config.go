// Package settings is the commands about the configuration, all of config, and about what a repository may choose: trust.
// Only the root of the commands calls it.
package settings

import (
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const configLong = `Show and change the settings.

What counts, from strongest to weakest: flags, ENGRAM_SYNC_* variables, the
.engram-sync.yaml at the top of the repository (remote name, project, what export
leaves out), your config file, the variables of engram itself, defaults. No token
is ever kept there.`

func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return command.Parent(&cobra.Command{
		Use:   "config",
		Short: "Show and change the settings",
		Long:  problem.Help(configLong, problem.Local),
	},
		newList(term, ws),
		newGet(term, ws),
		newSet(term, ws),
		newUnset(term, ws),
		newPath(term, ws),
		newImport(term, ws),
	)
}

func newList(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Example: "  engram-sync config list\n  engram-sync config list --jq '.settings[] | select(.source != \"default\")'",
		Short:   "List every setting, its value, and where that comes from",
		Long:    problem.Help("List every setting, its value, and where that comes from.", problem.Local),
		RunE: func(*cobra.Command, []string) error {
			rows := config.List(ws.Config)
			return term.Table(terminal.Fields{"settings": rows}, "KEY\tVALUE\tSOURCE", func(row terminal.Row) {
				for _, s := range rows {
					row("%s\t%s\t%s", s.Key, terminal.Visible(s.Value), s.Source)
				}
			})
		},
	}
}

func newGet(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:     "get KEY",
		Short:   "Print the value of one setting",
		Long:    problem.Help("Print the value of one setting. `engram-sync config list` has every key.", problem.Local),
		Example: "  engram-sync config get remote",
		RunE: func(_ *cobra.Command, words []string) error {
			s, err := config.Get(ws.Config, words[0])
			if err != nil {
				return err
			}
			return term.Value(terminal.Fields{"key": s.Key, "value": s.Value, "source": s.Source}, s.Value)
		},
	}
}

func newSet(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Write one setting into your config file",
		Long:  problem.Help("Write one setting into your config file. Comments in it stay, and\n`engram-sync config list` has every key.", problem.Local),
		Example: "  engram-sync config set remotes.work.url https://engram.example.com\n  engram-sync config set remote work\n" +
			`  engram-sync config set remotes.work.token_command '["pass", "show", "engram/token"]'`,
		// The file that --config names need not exist yet, or may stop every other command.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return ws.Locate(cmd.Flags()) },
		RunE: func(_ *cobra.Command, words []string) error {
			path, _ := ws.Inputs.File()
			return configWritten(term, path, words[0], config.Set(path, words[0], words[1]))
		},
	}
}

func newUnset(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:     "unset KEY",
		Short:   "Remove one setting from your config file",
		Long:    problem.Help("Remove one setting from your config file. Comments in it stay.", problem.Local),
		Example: "  engram-sync config unset remotes.work.project",
		// A bad key can only be removed if it does not stop this command.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return ws.Locate(cmd.Flags()) },
		RunE: func(_ *cobra.Command, words []string) error {
			path, _ := ws.Inputs.File()
			return configWritten(term, path, words[0], config.Unset(path, words[0]))
		},
	}
}

// configWritten says what was written where, to those who want a document for
// everything.
func configWritten(term *terminal.Terminal, path, key string, err error) error {
	if err == nil && term.JSON {
		term.Document(terminal.Fields{"key": key, "path": path})
	}
	return err
}

func newPath(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:               "path",
		Example:           "  engram-sync config path",
		Short:             "Print where your config file is",
		Long:              problem.Help("Print where your config file is. It need not exist.", problem.Local),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return ws.Locate(cmd.Flags()) },
		RunE: func(*cobra.Command, []string) error {
			path, _ := ws.Inputs.File()
			return term.Value(terminal.Fields{"path": path}, path)
		},
	}
}
