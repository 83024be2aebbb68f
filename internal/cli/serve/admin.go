package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// withServer opens the data directory of a server, which may be running. A
// directory without one is most likely mistyped: it is not made into one.
func withServer(ctx context.Context, ws *workspace.Workspace, data string, f func(*server.Server) error) (err error) {
	dir := serverDir(data)
	if _, err := os.Stat(filepath.Join(dir, "server.db")); err != nil {
		return terminal.Usagef("no server keeps its data in %s: name its directory with --data, or start `engram-sync serve` there once (%w)", dir, err)
	}
	srv, err := server.Open(ctx, server.Options{Dir: dir, Logger: ws.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	return f(srv)
}

// withNewPassword is withServer for what needs a password. The server is opened
// first: nobody should type one for a server that isn't there.
func withNewPassword(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, data string, stdin bool, f func(*server.Server, string) error) error {
	return withServer(ctx, ws, data, func(srv *server.Server) error {
		password, err := term.NewPassword(ctx, stdin)
		if err != nil {
			return err
		}
		return f(srv, password)
	})
}

const serveUserLong = `Look after the accounts of a server, on the machine where its data is. The
server may be running: it sees a change with its next request.`

func newUser(term *terminal.Terminal, ws *workspace.Workspace, data *string) *cobra.Command {
	return command.Parent(&cobra.Command{
		Use:   "user",
		Short: "Add, list and disable accounts, and set passwords",
		Long:  problem.Help(serveUserLong, problem.Local),
	},
		newUserAdd(term, ws, data),
		newUserList(term, ws, data),
		newUserDisable(term, ws, data, true),
		newUserDisable(term, ws, data, false),
		newUserPasswd(term, ws, data),
	)
}

func newUserAdd(term *terminal.Terminal, ws *workspace.Workspace, data *string) *cobra.Command {
	var passwordStdin bool
	cmd := &cobra.Command{
		Use:     "add NAME EMAIL",
		Short:   "Add an account",
		Long:    problem.Help("Add an account. The password is asked for without echo, or read from stdin.", problem.Local),
		Example: "  engram-sync serve user add ana ana@example.com --data /srv/engram",
		Args:    command.Exactly(2),
		RunE: func(cmd *cobra.Command, words []string) error {
			ctx := cmd.Context()
			return withNewPassword(ctx, term, ws, *data, passwordStdin, func(srv *server.Server, password string) error {
				user, err := srv.AddUser(ctx, words[0], words[1], password)
				if err != nil {
					return err
				}
				return printUser(term, "added", user)
			})
		},
	}
	addPasswordStdin(cmd, &passwordStdin)
	return cmd
}

func addPasswordStdin(cmd *cobra.Command, value *bool) {
	cmd.Flags().BoolVar(value, "password-stdin", false, "read the password from stdin")
}

func printUser(term *terminal.Terminal, what string, user server.User) error {
	switch {
	case term.JSON:
		terminal.PrintJSON(term.Stdout, map[string]any{"schema": terminal.Schema, "user": user})
	case !term.Quiet:
		_, err := fmt.Fprintf(term.Stdout, "%s %s\n", what, terminal.Visible(user.Username))
		return err
	}
	return nil
}

func newUserList(term *terminal.Terminal, ws *workspace.Workspace, data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the accounts",
		Long:  problem.Help("List the accounts, and how much each of them keeps.", problem.Local),
		Args:  command.Exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withServer(cmd.Context(), ws, *data, func(srv *server.Server) error {
				users, err := srv.Users(cmd.Context())
				if err != nil {
					return err
				}
				return printUsers(term, users)
			})
		},
	}
}

func printUsers(term *terminal.Terminal, users []server.User) error {
	if term.JSON {
		terminal.PrintJSON(term.Stdout, map[string]any{"schema": terminal.Schema, "users": append([]server.User{}, users...)})
		return nil
	}
	w := tabwriter.NewWriter(term.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tEMAIL\tCREATED\tCHUNKS\tSIZE\tSTATE")
	for _, u := range users {
		state := "active"
		switch {
		case u.BuiltIn:
			state = "built in"
		case u.Disabled:
			state = "disabled"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", terminal.Visible(u.Username), terminal.Visible(u.Email),
			u.CreatedAt.UTC().Format(time.RFC3339), u.Chunks, terminal.Size(u.Bytes), state)
	}
	return w.Flush()
}

// newUserDisable makes disable, and enable, which undoes it.
func newUserDisable(term *terminal.Terminal, ws *workspace.Workspace, data *string, disable bool) *cobra.Command {
	use, short, done := "disable NAME", "Shut an account out", "disabled"
	long := "Shut an account out: its password, tokens and API key are refused. Nothing of it is\nlost; enable lets it in again."
	if !disable {
		use, short, done = "enable NAME", "Let a disabled account in again", "enabled"
		long = "Let a disabled account in again."
	}
	return &cobra.Command{
		Use:   use,
		Short: short,
		Long:  problem.Help(long, problem.Local),
		Args:  command.Exactly(1),
		RunE: func(cmd *cobra.Command, words []string) error {
			return withServer(cmd.Context(), ws, *data, func(srv *server.Server) error {
				if err := srv.SetDisabled(cmd.Context(), words[0], disable); err != nil {
					return err
				}
				return printUser(term, done, server.User{Username: words[0], Disabled: disable})
			})
		},
	}
}

func newUserPasswd(term *terminal.Terminal, ws *workspace.Workspace, data *string) *cobra.Command {
	var passwordStdin bool
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Set the password of an account",
		Long:  problem.Help("Set the password of an account. Its tokens are refused from then on, and its API key\nis gone.", problem.Local),
		Args:  command.Exactly(1),
		RunE: func(cmd *cobra.Command, words []string) error {
			ctx := cmd.Context()
			return withNewPassword(ctx, term, ws, *data, passwordStdin, func(srv *server.Server, password string) error {
				if err := srv.SetPassword(ctx, words[0], password); err != nil {
					return err
				}
				return printUser(term, "set the password of", server.User{Username: words[0]})
			})
		},
	}
	addPasswordStdin(cmd, &passwordStdin)
	return cmd
}

const serveBackupLong = `Write all accounts and chunks of a server to a new file, as they are at one
moment. The server may be running.

The signing key is not in it: after a restore into another directory everybody
signs in again, while passwords and API keys stay good.`

func newBackup(term *terminal.Terminal, ws *workspace.Workspace, data *string) *cobra.Command {
	return &cobra.Command{
		Use:     "backup FILE",
		Short:   "Back a server up, while it runs",
		Long:    problem.Help(serveBackupLong, problem.Local),
		Example: "  engram-sync serve backup --data /srv/engram /backup/engram-$(date +%F).db",
		Args:    command.Exactly(1),
		RunE: func(cmd *cobra.Command, words []string) error {
			return withServer(cmd.Context(), ws, *data, func(srv *server.Server) error {
				if err := srv.Backup(cmd.Context(), words[0]); err != nil {
					return err
				}
				return printDone(term, "backed up to "+words[0])
			})
		},
	}
}

// printDone confirms what has no other result.
func printDone(term *terminal.Terminal, what string) error {
	switch {
	case term.JSON:
		terminal.PrintJSON(term.Stdout, map[string]any{"schema": terminal.Schema, "done": what})
	case !term.Quiet:
		_, err := fmt.Fprintln(term.Stdout, what)
		return err
	}
	return nil
}

func newRestore(term *terminal.Terminal, data *string) *cobra.Command {
	return &cobra.Command{
		Use:     "restore FILE",
		Short:   "Make a server out of a backup",
		Long:    problem.Help("Make a server out of a backup, in a data directory that has none yet.", problem.Local),
		Example: "  engram-sync serve restore --data /srv/engram-new /backup/engram-2026-11-23.db",
		Args:    command.Exactly(1),
		RunE: func(cmd *cobra.Command, words []string) error {
			if err := server.Restore(cmd.Context(), words[0], serverDir(*data)); err != nil {
				return err
			}
			return printDone(term, "restored to "+serverDir(*data))
		},
	}
}
