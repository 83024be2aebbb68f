package serve

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// quota reads a size, or none, which is 0.
func quota(text string) (int64, error) {
	if text == "none" {
		return 0, nil
	}
	n, err := config.ParseSize(text)
	if err != nil {
		return 0, terminal.Usagef("a quota is none, or a size: %w", err)
	}
	return n, nil
}

const userQuotaLong = `Set how much an account may keep: a size such as 2GB, none for no limit, or
default for what serve --quota says. Chunks count with their uncompressed size, and
mutations too. What is there stays, also where it is more.`

func (a *admin) newUserQuota() *cobra.Command {
	return &cobra.Command{
		Use:     "quota NAME SIZE|none|default",
		Short:   "Set how much an account may keep",
		Long:    problem.Help(userQuotaLong, problem.Local),
		Example: "  engram-sync serve user quota ana 2GB --data /srv/engram",
		RunE: a.on(func(ctx context.Context, srv *server.Server, words []string) (err error) {
			bytes := int64(-1)
			if words[1] != "default" {
				if bytes, err = quota(words[1]); err != nil {
					return err
				}
			}
			if err := srv.SetQuota(ctx, words[0], bytes); err != nil {
				return err
			}
			return a.printDone(fmt.Sprintf("the quota of %s is %s", terminal.Visible(words[0]), words[1]))
		}),
	}
}

const userInviteLong = `Print a code with which one person can register, also where serve runs with
--no-register. Hand it over in private: they give it to "engram-sync auth register
--invited". What the server keeps of it is a hash.`

func (a *admin) newUserInvite() *cobra.Command {
	var within time.Duration
	cmd := &cobra.Command{
		Use:     "invite",
		Short:   "Print a code with which one person can register",
		Long:    problem.Help(userInviteLong, problem.Local),
		Example: "  engram-sync serve user invite --for 24h --data /srv/engram",
		RunE: a.on(func(ctx context.Context, srv *server.Server, _ []string) error {
			if within <= 0 {
				return terminal.Usagef("--for takes a time such as 24h")
			}
			code, until, err := srv.Invite(ctx, within)
			if err != nil {
				return err
			}
			a.term.Note("good for one registration until %s", until.UTC().Format(time.RFC3339))
			return a.term.Reveal(terminal.Fields{"invitation": code, "until": until.UTC()}, code)
		}),
	}
	cmd.Flags().DurationVar(&within, "for", 72*time.Hour, "it is good for `TIME`")
	return cmd
}

const userSignOutLong = `Sign an account out everywhere: its tokens are refused from then on, and its API
key is gone. Its password stays good.`

func (a *admin) newUserSignOut() *cobra.Command {
	return &cobra.Command{
		Use:     "sign-out NAME",
		Example: "  engram-sync serve user sign-out ana --data /srv/engram",
		Short:   "Sign an account out everywhere",
		Long:    problem.Help(userSignOutLong, problem.Local),
		RunE: a.on(func(ctx context.Context, srv *server.Server, words []string) error {
			if err := srv.SignOut(ctx, words[0]); err != nil {
				return err
			}
			return a.printUser("signed out", server.User{Username: words[0]})
		}),
	}
}

const userDeleteLong = `Delete an account, with all its chunks and its journal. Nothing brings them back
but a backup. On a terminal you are asked first; elsewhere --yes has to say that you mean it.`

func (a *admin) newUserDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete an account and all that it keeps",
		Long:    problem.Help(userDeleteLong, problem.Local),
		Example: "  engram-sync serve user delete ana --yes --data /srv/engram",
		RunE: a.on(func(ctx context.Context, srv *server.Server, words []string) error {
			if err := a.mayDelete(ctx, words[0], yes); err != nil {
				return err
			}
			if err := srv.DeleteUser(ctx, words[0]); err != nil {
				return err
			}
			return a.printUser("deleted", server.User{Username: words[0]})
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "delete it without asking")
	return cmd
}

// mayDelete wants somebody to mean it.
func (a *admin) mayDelete(ctx context.Context, name string, yes bool) error {
	if yes {
		return nil
	}
	typed, err := a.term.Ask(ctx, "Name of the account to delete, once more", "--yes")
	if err != nil {
		return err
	}
	if typed != name {
		return terminal.Usagef("%q is another name: nothing was deleted", typed)
	}
	return nil
}
