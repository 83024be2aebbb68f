package serve

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

type admin struct {
	term  *terminal.Terminal
	ws    *workspace.Workspace
	place *place
}

// on runs f with the data of a server, which may be running.
func (a *admin) on(f func(ctx context.Context, srv *server.Server, words []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, words []string) (err error) {
		srv, err := a.open(cmd.Context())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, srv.Close()) }()
		return f(cmd.Context(), srv, words)
	}
}

const serveUserLong = `Look after the accounts of a server, on the machine where its data is. The
server may be running: it sees a change with its next request, on PostgreSQL
within two seconds.`

func (a *admin) newUser() *cobra.Command {
	return command.Parent(&cobra.Command{
		Use:   "user",
		Short: "Add, invite, list, disable and delete accounts",
		Long:  problem.Help(serveUserLong, problem.Local),
	},
		a.newUserAdd(),
		a.newUserList(),
		a.newUserSessions(),
		a.newUserDisable(true),
		a.newUserDisable(false),
		a.newUserPasswd(),
		a.newUserSignOut(),
		a.newUserQuota(),
		a.newUserInvite(),
		a.newUserDelete(),
	)
}

func (a *admin) newUserAdd() *cobra.Command {
	var passwordStdin bool
	cmd := &cobra.Command{
		Use:     "add NAME EMAIL",
		Short:   "Add an account",
		Long:    problem.Help("Add an account. The password is asked for without echo, or read from stdin.", problem.Local),
		Example: "  engram-sync serve user add ana ana@example.com --data /srv/engram",
		RunE: a.on(func(ctx context.Context, srv *server.Server, words []string) error {
			// Only now: nobody should type one for a server that isn't there.
			password, err := a.term.NewPassword(ctx, passwordStdin)
			if err != nil {
				return err
			}
			user, err := srv.AddUser(ctx, words[0], words[1], password)
			if err != nil {
				return err
			}
			return a.printUser("added", user)
		}),
	}
	addPasswordStdin(cmd, &passwordStdin)
	return cmd
}

func addPasswordStdin(cmd *cobra.Command, value *bool) {
	cmd.Flags().BoolVar(value, "password-stdin", false, "read the password from stdin")
}

func (a *admin) printUser(what string, user server.User) error {
	return a.term.Confirm(terminal.Fields{"user": user}, what+" "+terminal.Visible(user.Username))
}

const serveUserListLong = `List the accounts, how much each of them keeps, and when and from which address it
was last seen: at each sign-in, and else at most once an hour. That address is the
client's behind a --trusted-proxy.`

func (a *admin) newUserList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Example: "  engram-sync serve user list --data /srv/engram",
		Short:   "List the accounts",
		Long:    problem.Help(serveUserListLong, problem.Local),
		RunE: a.on(func(ctx context.Context, srv *server.Server, _ []string) error {
			users, err := srv.Users(ctx)
			if err != nil {
				return err
			}
			return a.printUsers(users)
		}),
	}
}

func (a *admin) printUsers(users []server.User) error {
	doc := terminal.Fields{"users": append([]server.User{}, users...)}
	return a.term.Table(doc, "NAME\tEMAIL\tCREATED\tCHUNKS\tSIZE\tQUOTA\tLAST SEEN\tFROM\tSTATE", func(row terminal.Row) {
		for _, u := range users {
			state := "active"
			switch {
			case u.BuiltIn:
				state = "built in"
			case u.Disabled:
				state = "disabled"
			}
			quota := "none"
			if u.Quota > 0 {
				quota = terminal.Size(u.Quota)
			}
			seen, from := "never", "-"
			if !u.LastSeen.IsZero() {
				seen, from = u.LastSeen.UTC().Format(time.RFC3339), terminal.Visible(u.LastSeenFrom)
			}
			row("%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s", terminal.Visible(u.Username), terminal.Visible(u.Email),
				u.CreatedAt.UTC().Format(time.RFC3339), u.Chunks, terminal.Size(u.Used), quota, seen, from, state)
		}
	})
}

// newUserDisable makes disable, and enable, which undoes it.
func (a *admin) newUserDisable(disable bool) *cobra.Command {
	use, short, done := "disable NAME", "Shut an account out", "disabled"
	long := "Shut an account out: its password, tokens and API key are refused. Nothing of it is\nlost; enable lets it in again."
	if !disable {
		use, short, done = "enable NAME", "Let a disabled account in again", "enabled"
		long = "Let a disabled account in again."
	}
	return &cobra.Command{
		Use:     use,
		Short:   short,
		Long:    problem.Help(long, problem.Local),
		Example: "  engram-sync serve user " + strings.ReplaceAll(use, "NAME", "ana") + " --data /srv/engram",
		RunE: a.on(func(ctx context.Context, srv *server.Server, words []string) error {
			if err := srv.SetDisabled(ctx, words[0], disable); err != nil {
				return err
			}
			return a.printUser(done, server.User{Username: words[0], Disabled: disable})
		}),
	}
}

func (a *admin) newUserPasswd() *cobra.Command {
	var passwordStdin bool
	cmd := &cobra.Command{
		Use:     "passwd NAME",
		Example: "  engram-sync serve user passwd ana --data /srv/engram",
		Short:   "Set the password of an account",
		Long:    problem.Help("Set the password of an account. Its tokens are refused from then on, and its API key\nis gone.", problem.Local),
		RunE: a.on(func(ctx context.Context, srv *server.Server, words []string) error {
			password, err := a.term.NewPassword(ctx, passwordStdin)
			if err != nil {
				return err
			}
			if err := srv.SetPassword(ctx, words[0], password); err != nil {
				return err
			}
			return a.printUser("set the password of", server.User{Username: words[0]})
		}),
	}
	addPasswordStdin(cmd, &passwordStdin)
	return cmd
}

const serveBackupLong = `Write all accounts and chunks of a server to a new file, as they are at one
moment. The server may be running.

The signing key is not in it: after a restore into another directory everybody
signs in again, while passwords and API keys stay good.`

func (a *admin) newBackup() *cobra.Command {
	return &cobra.Command{
		Use:     "backup FILE",
		Short:   "Back a server up, while it runs",
		Long:    problem.Help(serveBackupLong, problem.Local, problem.Unavailable),
		Example: "  engram-sync serve backup --data /srv/engram /backup/engram-$(date +%F).db",
		RunE: a.on(func(ctx context.Context, srv *server.Server, words []string) error {
			if err := srv.Backup(ctx, words[0]); err != nil {
				return err
			}
			return a.printDone("backed up to " + words[0])
		}),
	}
}

// printDone confirms what has no other result.
func (a *admin) printDone(what string) error {
	return a.term.Confirm(terminal.Fields{"done": what}, what)
}

func (a *admin) newRestore() *cobra.Command {
	return &cobra.Command{
		Use:     "restore FILE",
		Short:   "Make a server out of a backup",
		Long:    problem.Help("Make a server out of a backup, in a data directory that has none yet.", problem.Local),
		Example: "  engram-sync serve restore --data /srv/engram-new /backup/engram-2026-11-23.db",
		RunE: func(cmd *cobra.Command, words []string) error {
			if a.place.database != "" {
				return server.ErrOwnTools
			}
			if err := server.Restore(cmd.Context(), words[0], a.place.dir()); err != nil {
				return err
			}
			return a.printDone("restored to " + a.place.dir())
		},
	}
}
