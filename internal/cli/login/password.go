package login

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const passwdLong = `Change the password of the account, at servers that run engram-sync serve. All tokens
and the API key end with it, on other machines too; this one is signed in anew.

Both passwords are asked for without echo.`

func newPasswd(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:     "passwd",
		Example: "  engram-sync auth passwd",
		Short:   "Change the password of the account",
		Long:    problem.Help(passwdLong, problem.SignIn),
		RunE: command.Connected(ws, func(ctx context.Context, conn *workspace.Connection) error {
			if !term.Interactive() {
				return terminal.Usagef("passwords are asked for on a terminal only: run `engram-sync auth passwd` in one")
			}
			password, err := term.AskSecret(ctx, "Password", "a terminal")
			if err != nil {
				return err
			}
			other, err := term.AskSecret(ctx, "New password", "a terminal")
			if err != nil {
				return err
			}
			again, err := term.AskSecret(ctx, "New password again", "a terminal")
			if err != nil {
				return err
			}
			if other != again {
				return terminal.Usagef("the new passwords differ: nothing was changed")
			}
			result, err := conn.ChangePassword(ctx, password, other)
			if err != nil {
				return err
			}
			return keepResult(ctx, term, ws, conn, result)
		}),
	}
}

// logoutEverywhere ends the tokens at the server before they are forgotten here.
func logoutEverywhere(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace) error {
	return ws.With(ctx, func(conn *workspace.Connection) error {
		if err := conn.SignOut(ctx); err != nil {
			return err
		}
		account, err := ws.Logins().Remove(ctx, conn.URL())
		if err != nil && !errors.Is(err, auth.ErrNotFound) {
			return err
		}
		return term.Confirm(terminal.Fields{"remote": conn.URL(), "account": account.Name, "logged_out": true},
			fmt.Sprintf("signed %sout of %s everywhere: no token and no API key counts there any more", named(account, "%s ", ""), conn.URL()))
	})
}
