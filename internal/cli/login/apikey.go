package login

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

func newAPIKey(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return command.Parent(&cobra.Command{
		Use:   "api-key",
		Short: "Create or revoke the account's API key",
		Long:  problem.Help("An API key never ends by itself, which suits CI and cron. An account has one: a new\nkey ends the old one at once, wherever that is in use.", problem.SignIn),
	},
		newAPIKeyCreate(term, ws),
		newAPIKeyRevoke(term, ws),
	)
}

func newAPIKeyCreate(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var store bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create an API key, which ends the old one",
		Long:  problem.Help("Create an API key and print it; the server shows it only this once. The key that the\naccount had before ends at once.\n\nWith --store it is kept as this machine's login, and not printed.", problem.SignIn),
		Args:  command.Exactly(0),
		RunE: command.Connected(ws, func(ctx context.Context, conn *workspace.Connection) error {
			return createAPIKey(ctx, term, ws, conn, store)
		}),
	}
	cmd.Flags().BoolVar(&store, "store", false, "keep the key as the login of this machine, and don't print it")
	return cmd
}

func createAPIKey(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, conn *workspace.Connection, store bool) error {
	if conn.Source.From() == "" {
		return notLoggedIn(conn)
	}
	login := conn.Source.Login()
	if store && login == nil {
		return terminal.Usagef("--store needs a login to keep the key in: run `engram-sync login` first")
	}
	term.Warn("if the account had an API key, it ends now, wherever it is in use")
	key, err := conn.CreateAPIKey(ctx)
	if err != nil {
		return err
	}
	if store {
		return keep(ctx, term, ws, conn, login.Account, auth.Credentials{Access: key})
	}
	return term.Value(terminal.Fields{"api_key": key}, key)
}

func newAPIKeyRevoke(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke",
		Short: "End the account's API key",
		Long:  problem.Help("End the account's API key at the server. Having none is fine.", problem.SignIn),
		Args:  command.Exactly(0),
		RunE: command.Connected(ws, func(ctx context.Context, conn *workspace.Connection) error {
			if err := conn.RevokeAPIKey(ctx); err != nil {
				return err
			}
			return term.Confirm(terminal.Fields{"revoked": true}, "the account has no API key any more")
		}),
	}
}
