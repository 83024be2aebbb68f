package login

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/secret"
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

// NewLogin is made twice: it stands under auth and at the top.
func NewLogin(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var opts loginOptions
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in, and keep the tokens in the OS keyring",
		Long:  problem.Help(loginLong, problem.SignIn),
		Example: "  engram-sync login\n  engram-sync login --identifier ana --password-stdin < password-file\n" +
			"  pass show engram-key | engram-sync login --token-stdin",
		RunE: func(cmd *cobra.Command, _ []string) error { return login(cmd.Context(), term, ws, opts) },
	}
	nameFlag(cmd, &opts.identifier, "identifier", "username", "the account has this `NAME`, or email address")
	cmd.Flags().BoolVar(&opts.passwordStdin, "password-stdin", false, "read the password from stdin")
	cmd.Flags().BoolVar(&opts.tokenStdin, "token-stdin", false, "read a ready token or an API key from stdin")
	return cmd
}

func login(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, opts loginOptions) error {
	if opts.passwordStdin && opts.tokenStdin { // what cobra says to it is no usage error
		return terminal.Usagef("--password-stdin and --token-stdin exclude each other: stdin holds one secret")
	}
	return ws.WithAnonymous(ctx, func(conn *workspace.Connection) error {
		if opts.tokenStdin {
			return loginToken(ctx, term, ws, conn, opts)
		}
		var err error
		if opts.identifier == "" {
			instead := "--identifier and --password-stdin, or --token-stdin"
			if opts.passwordStdin {
				instead = "--identifier"
			}
			if opts.identifier, err = term.Ask(ctx, "User name or email for "+conn.Label, instead); err != nil {
				return err
			}
		}
		password, err := term.Password(ctx, opts.passwordStdin)
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
		return keepResult(ctx, term, ws, conn, result)
	})
}

// loginToken keeps a token that the user has, after the server took it.
func loginToken(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, conn *workspace.Connection, opts loginOptions) error {
	token, err := term.ReadSecret("token")
	if err != nil {
		return err
	}
	probe, err := ws.Dial(conn.URL(), auth.Fixed(token, "stdin"))
	if err != nil {
		return err
	}
	if err := probe.CheckToken(ctx); err != nil {
		return err
	}
	account := auth.Account{BaseURL: conn.URL(), Name: opts.identifier, Store: ws.Config.CredentialStore}
	name, userID := auth.OwnerOf(token)
	account.UserID = userID
	if account.Name == "" {
		account.Name = name
	}
	return keep(ctx, term, ws, conn, account, auth.Credentials{Access: token})
}

// keepResult stores what the server gave for a password.
func keepResult(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, conn *workspace.Connection, result transport.AuthResult) error {
	account := auth.Account{BaseURL: conn.URL(), Name: result.Username, UserID: result.UserID, Store: ws.Config.CredentialStore}
	return keep(ctx, term, ws, conn, account, auth.Credentials{Access: result.Access, Refresh: result.Refresh})
}

func keep(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, conn *workspace.Connection, account auth.Account, tokens auth.Credentials) error {
	if err := ws.Logins().Add(ctx, account, tokens); err != nil {
		return err
	}
	if stronger := ws.Finder(conn.URL()).Stronger(); stronger != "" {
		term.Warn("this login does not count as long as there is " + stronger)
	}
	if account.Store == auth.StoreFile {
		readers := "that only you can read"
		if runtime.GOOS == "windows" { // lists of rights, which are those of the directory
			readers = "that whoever can read its directory can read"
		}
		term.Warn("the tokens are kept in plain text, in a file " + readers + ": " + ws.CredentialFile().Path())
	}
	line := fmt.Sprintf("logged in to %s%s; the tokens are in the %s", conn.Label, named(account, " as %s", " with a token"), account.Store)
	if ws.Inputs.Flags.Changed("remote") { // which the next command needs, too
		line += "; `engram-sync status` says what would move"
	}
	return term.Confirm(terminal.Fields{"remote": conn.Label, "account": account.Name, "user_id": account.UserID, "store": account.Store}, line)
}

// named tells of an account by its name, or otherwise where a token alone is known.
func named(account auth.Account, byName, otherwise string) string {
	if account.Name == auth.Unnamed && account.UserID == "" {
		return otherwise
	}
	return fmt.Sprintf(byName, terminal.Visible(account.Name))
}

// nameFlag adds the flag with the name of an account, and takes it under the name that it has in the other command, too.
func nameFlag(cmd *cobra.Command, to *string, name, other, usage string) {
	cmd.Flags().StringVar(to, name, "", usage+" (or --"+other+")")
	cmd.Flags().StringVar(to, other, "", usage)
	cmd.Flags().Lookup(other).Hidden = true
}

const registerLong = `Make an account at the remote, and sign in to it.

The password is asked for without echo, or read from stdin. With --invited the
invitation of "engram-sync serve user invite" is asked for as well, or taken from
ENGRAM_SYNC_INVITATION.`

const (
	invitationVariable = "ENGRAM_SYNC_INVITATION"

	// What to pass instead of an answer.
	usernameFlag, emailFlag = "--username", "--email"
	invitationInstead       = invitationVariable + " in the environment"
)

type registerOptions struct {
	username, email        string
	passwordStdin, invited bool
}

func newRegister(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var opts registerOptions
	cmd := &cobra.Command{
		Use:     "register",
		Short:   "Make an account, and sign in to it",
		Long:    problem.Help(registerLong, problem.SignIn),
		Example: "  engram-sync auth register --username ana --email ana@example.com",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return register(cmd.Context(), term, ws, opts)
		},
	}
	nameFlag(cmd, &opts.username, "username", "identifier", "call the account `NAME`")
	cmd.Flags().StringVar(&opts.email, "email", "", "the account has this email `ADDRESS`")
	cmd.Flags().BoolVar(&opts.passwordStdin, "password-stdin", false, "read the password from stdin")
	cmd.Flags().BoolVar(&opts.invited, "invited", false, "use an invitation, which the server may ask for")
	return cmd
}

// missing is what nobody gave, as it would be given where nobody can be asked.
func (o registerOptions) missing(ws *workspace.Workspace) (missing []string) {
	if o.username == "" {
		missing = append(missing, usernameFlag)
	}
	if o.email == "" {
		missing = append(missing, emailFlag)
	}
	if !o.passwordStdin {
		missing = append(missing, "--password-stdin")
	}
	if o.invited && ws.Getenv(invitationVariable) == "" {
		missing = append(missing, invitationInstead)
	}
	return missing
}

func register(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, opts registerOptions) error {
	return ws.WithAnonymous(ctx, func(conn *workspace.Connection) (err error) {
		if err := term.CanAsk(opts.missing(ws)...); err != nil {
			return err
		}
		if opts.username == "" {
			if opts.username, err = term.Ask(ctx, "User name", usernameFlag); err != nil {
				return err
			}
		}
		if opts.email == "" {
			if opts.email, err = term.Ask(ctx, "Email", emailFlag); err != nil {
				return err
			}
		}
		invitation := ""
		if opts.invited {
			if invitation, err = invitationOf(ctx, term, ws); err != nil {
				return err
			}
		}
		password, err := term.NewPassword(ctx, opts.passwordStdin)
		if err != nil {
			return err
		}
		result, err := conn.Register(ctx, opts.username, opts.email, password, invitation)
		if err != nil {
			return err
		}
		return keepResult(ctx, term, ws, conn, result)
	})
}

func invitationOf(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace) (string, error) {
	if code := ws.Getenv(invitationVariable); code != "" {
		secret.Add(code)
		return code, nil
	}
	return term.AskSecret(ctx, "Invitation", invitationInstead)
}

const logoutLong = `Forget the login for the remote on this machine.

This is local: the tokens themselves stay good at the server until they end. An
API key ends with ` + "`engram-sync auth api-key revoke`" + `. With --everywhere all of them
end at the server, which has to run engram-sync serve, on all machines.`

// NewLogout is made twice: it stands under auth and at the top.
func NewLogout(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var everywhere bool
	cmd := &cobra.Command{
		Use:     "logout",
		Short:   "Forget the login on this machine",
		Long:    problem.Help(logoutLong, problem.Local),
		Example: "  engram-sync logout\n  engram-sync logout --remote work",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if everywhere {
				return logoutEverywhere(cmd.Context(), term, ws)
			}
			return logout(cmd.Context(), term, ws)
		},
	}
	cmd.Flags().BoolVar(&everywhere, "everywhere", false, "end all tokens and the API key of the account at the server, too")
	return cmd
}

func logout(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace) error {
	base, err := ws.BaseURL()
	if err != nil {
		return err
	}
	account, err := ws.Logins().Remove(ctx, base)
	loggedOut := err == nil
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		return err
	}
	line := "nobody is logged in to " + base
	if loggedOut {
		line = fmt.Sprintf("logged %sout of %s on this machine; the tokens stay good at the server until they end", named(account, "%s ", ""), base)
	}
	return term.Confirm(terminal.Fields{"remote": base, "account": account.Name, "logged_out": loggedOut}, line)
}
