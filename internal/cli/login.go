package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const loginLong = `Sign in to the remote, and keep the tokens in the OS keyring.

With a password, which is asked for without echo or read from stdin
(--password-stdin), the server gives an access token and a refresh token.
With --token-stdin a ready token or an API key is read from stdin and kept as
it is. Secrets are never taken from the command line.`

type loginOptions struct {
	identifier    string
	passwordStdin bool
	tokenStdin    bool
}

// newLoginCmd is made twice: it stands under auth and at the top.
func newLoginCmd(app *app) *cobra.Command {
	var opts loginOptions
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in, and keep the tokens in the OS keyring",
		Long:  problem.Help(loginLong, problem.SignIn),
		Example: "  engram-sync login\n  engram-sync login --identifier ana --password-stdin < password-file\n" +
			"  pass show engram-key | engram-sync login --token-stdin",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return app.login(cmd.Context(), opts) },
	}
	cmd.Flags().StringVar(&opts.identifier, "identifier", "", "`NAME` of the account, or its email address")
	cmd.Flags().BoolVar(&opts.passwordStdin, "password-stdin", false, "read the password from stdin")
	cmd.Flags().BoolVar(&opts.tokenStdin, "token-stdin", false, "read a ready token or an API key from stdin")
	return cmd
}

func (a *app) login(ctx context.Context, opts loginOptions) error {
	if opts.passwordStdin && opts.tokenStdin { // what cobra says to it is no usage error
		return terminal.Usagef("--password-stdin and --token-stdin exclude each other: stdin holds one secret")
	}
	return a.WithAnonymous(ctx, func(conn *workspace.Connection) error {
		if opts.tokenStdin {
			return a.loginToken(ctx, conn, opts)
		}
		var err error
		if opts.identifier == "" {
			if opts.identifier, err = a.Ask(ctx, "User name or email for "+conn.Label, "--identifier and --password-stdin, or --token-stdin"); err != nil {
				return err
			}
		}
		password, err := a.Password(ctx, opts.passwordStdin)
		if err != nil {
			return err
		}
		result, err := conn.Login(ctx, opts.identifier, password)
		if errors.Is(err, transport.ErrUnauthorized) {
			return fmt.Errorf("%w: %w", problem.ErrBadLogin, err)
		}
		if err != nil {
			return err
		}
		return a.keep(ctx, conn, result)
	})
}

// keep stores what the server gave for a password.
func (a *app) keep(ctx context.Context, conn *workspace.Connection, result transport.AuthResult) error {
	account := auth.Account{BaseURL: conn.URL(), Name: result.Username, UserID: result.UserID, Store: a.Config.CredentialStore}
	tokens := auth.Credentials{Access: result.Access, Refresh: result.Refresh}
	if err := a.Logins().Add(ctx, account, tokens); err != nil {
		return err
	}
	return a.printLogin(conn, account)
}

// loginToken keeps a token that the user has, after the server took it.
func (a *app) loginToken(ctx context.Context, conn *workspace.Connection, opts loginOptions) error {
	token, err := a.ReadSecret("token")
	if err != nil {
		return err
	}
	probe, err := a.Dial(conn.URL(), auth.Fixed(token, "stdin"))
	if err != nil {
		return err
	}
	if err := probe.CheckToken(ctx); err != nil {
		return err
	}
	account := auth.Account{BaseURL: conn.URL(), Name: opts.identifier, Store: a.Config.CredentialStore}
	name, userID := ownerOf(token)
	account.UserID = userID
	if account.Name == "" {
		account.Name = name
	}
	if err := a.Logins().Add(ctx, account, auth.Credentials{Access: token}); err != nil {
		return err
	}
	return a.printLogin(conn, account)
}

// ownerOf is who a token says that it belongs to. API keys say nothing.
func ownerOf(token string) (name, userID string) {
	claims := struct {
		Username string `json:"username"`
		UserID   string `json:"user_id"`
		jwt.RegisteredClaims
	}{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil || claims.Username == "" {
		return "token", ""
	}
	return claims.Username, claims.UserID
}

func (a *app) printLogin(conn *workspace.Connection, account auth.Account) error {
	if stronger := a.Finder(conn.URL()).Stronger(); stronger != "" {
		a.Warn("this login does not count as long as there is " + stronger)
	}
	if account.Store == auth.StoreFile {
		a.Warn("the tokens are kept in plain text, in a file that only you can read: " + a.CredentialFile().Path())
	}
	if a.JSON {
		terminal.PrintJSON(a.Stdout, map[string]any{
			"schema": terminal.Schema, "remote": conn.Label, "account": account.Name, "user_id": account.UserID, "store": account.Store,
		})
		return nil
	}
	if a.Quiet {
		return nil
	}
	_, err := fmt.Fprintf(a.Stdout, "logged in to %s as %s; the tokens are in the %s\n", conn.Label, terminal.Visible(account.Name), account.Store)
	return err
}

const registerLong = `Make an account at the remote, and sign in to it.

The password is asked for without echo, or read from stdin.`

func newRegisterCmd(app *app) *cobra.Command {
	var username, email string
	var passwordStdin bool
	cmd := &cobra.Command{
		Use:     "register",
		Short:   "Make an account, and sign in to it",
		Long:    problem.Help(registerLong, problem.SignIn),
		Example: "  engram-sync auth register --username ana --email ana@example.com",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.register(cmd.Context(), username, email, passwordStdin)
		},
	}
	cmd.Flags().StringVar(&username, "username", "", "`NAME` of the account")
	cmd.Flags().StringVar(&email, "email", "", "email `ADDRESS` of the account")
	cmd.Flags().BoolVar(&passwordStdin, "password-stdin", false, "read the password from stdin")
	return cmd
}

func (a *app) register(ctx context.Context, username, email string, passwordStdin bool) error {
	return a.WithAnonymous(ctx, func(conn *workspace.Connection) error {
		var err error
		if username == "" {
			if username, err = a.Ask(ctx, "User name", "--username"); err != nil {
				return err
			}
		}
		if email == "" {
			if email, err = a.Ask(ctx, "Email", "--email"); err != nil {
				return err
			}
		}
		password, err := a.NewPassword(ctx, passwordStdin)
		if err != nil {
			return err
		}
		result, err := conn.Register(ctx, username, email, password)
		if err != nil {
			return err
		}
		return a.keep(ctx, conn, result)
	})
}

const logoutLong = `Forget the login for the remote on this machine.

This is local: the tokens themselves stay good at the server until they end. An
API key ends with ` + "`engram-sync auth api-key revoke`" + `.`

// newLogoutCmd is made twice: it stands under auth and at the top.
func newLogoutCmd(app *app) *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Forget the login on this machine",
		Long:  problem.Help(logoutLong, problem.Local),
		Args:  exactly(0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.logout(cmd.Context()) },
	}
}

func (a *app) logout(ctx context.Context) error {
	base, err := a.BaseURL()
	if err != nil {
		return err
	}
	account, err := a.Logins().Remove(ctx, base)
	loggedOut := err == nil
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		return err
	}
	switch {
	case a.JSON:
		terminal.PrintJSON(a.Stdout, map[string]any{"schema": terminal.Schema, "remote": base, "account": account.Name, "logged_out": loggedOut})
	case a.Quiet:
	case loggedOut:
		fmt.Fprintf(a.Stdout, "logged %s out of %s on this machine; the tokens stay good at the server until they end\n", terminal.Visible(account.Name), base)
	default:
		fmt.Fprintf(a.Stdout, "nobody is logged in to %s\n", base)
	}
	return nil
}
