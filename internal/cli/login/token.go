// Package login is the commands about who one is to a server: login, logout and all of auth.
// Only the root of the commands calls it.
package login

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const authLong = `Sign in to a remote, and look after its tokens.

Where a token comes from, in this order: ENGRAM_SYNC_TOKEN, the file that
ENGRAM_SYNC_TOKEN_FILE names, the remote's token_command, the login that is kept
in the OS keyring (or in a file, if credential_store says so). The first that is
there counts; they are never mixed.`

// NewAuth has all of them.
func NewAuth(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return command.Parent(&cobra.Command{
		Use:   "auth",
		Short: "Sign in, sign out, and look after tokens",
		Long:  problem.Help(authLong, problem.SignIn),
	},
		newRegister(term, ws),
		NewLogin(term, ws),
		NewLogout(term, ws),
		newStatus(term, ws),
		newToken(term, ws),
		newRefresh(term, ws),
		newAPIKey(term, ws),
		newPasswd(term, ws),
	)
}

func newStatus(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Example: "  engram-sync auth status\n  engram-sync auth status --jq .source",
		Short:   "Show who is logged in, where the token comes from, and when it ends",
		Long:    problem.Help("Show who is logged in to the remote, where the token comes from and when it ends,\nand ask the server whether it takes it. The token itself is never shown.", problem.SignIn),
		RunE: command.Connected(ws, func(ctx context.Context, conn *workspace.Connection) error {
			return status(ctx, term, conn)
		}),
	}
}

type authDocument struct {
	Schema      int    `json:"schema"`
	Remote      string `json:"remote"`
	Account     string `json:"account"` // "" if the token does not tell
	UserID      string `json:"user_id"`
	Source      string `json:"source"`
	ExpiresAt   string `json:"expires_at"` // RFC 3339; "" if the token does not tell
	Refreshable bool   `json:"refreshable"`
	OK          bool   `json:"ok"`
}

// status says what it knows of the token before it asks the server, so that
// an unusable one is explained too.
func status(ctx context.Context, term *terminal.Terminal, conn *workspace.Connection) error {
	doc := authDocument{Schema: terminal.Schema, Remote: conn.Label, Source: conn.Source.From()}
	token, err := accessToken(ctx, conn)
	if end := transport.TokenEnd(token); !end.IsZero() {
		doc.ExpiresAt = end.UTC().Format(time.RFC3339)
	}
	if login := conn.Source.Login(); login != nil {
		doc.Account, doc.UserID, doc.Refreshable = login.Name, login.UserID, login.Tokens().Refresh != ""
	}
	if err == nil {
		err = conn.CheckToken(ctx)
	}
	doc.OK = err == nil
	_ = term.Result(doc, func(w io.Writer) error { // stdout keeps its error
		if !term.Quiet && doc.Source != "" {
			doc.show(w)
		}
		return nil
	})
	return err
}

// accessToken is the token that requests are sent with; having none is an error.
func accessToken(ctx context.Context, conn *workspace.Connection) (string, error) {
	token, err := conn.AccessToken(ctx)
	if err == nil && token == "" {
		err = notLoggedIn(conn)
	}
	return token, err
}

func notLoggedIn(conn *workspace.Connection) error {
	return fmt.Errorf("%w to %s", auth.ErrNotFound, conn.Label)
}

func (doc authDocument) show(w io.Writer) {
	row := func(name, value string) { fmt.Fprintf(w, "%-8s %s\n", name, value) }
	row("remote", doc.Remote)
	if doc.Account != "" {
		row("account", terminal.Visible(doc.Account))
	}
	row("source", doc.Source)
	if end, err := time.Parse(time.RFC3339, doc.ExpiresAt); err == nil {
		text := fmt.Sprintf("%s (%s)", end.Local().Format(time.DateTime), humanize.Time(end))
		if doc.Refreshable {
			text += ", and is refreshed by itself"
		}
		row("expires", text)
	}
	if doc.OK {
		row("server", "accepts it")
	}
}

func newToken(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:   "token",
		Short: "Print the access token, refreshed if needed",
		Long:  problem.Help("Print the access token of the remote, refreshed if it is about to end, for use in\nanother program. Mind where it goes.", problem.SignIn),
		// As an argument of curl other users of the machine would see it.
		Example: `  printf 'header = "Authorization: Bearer %s"' "$(engram-sync auth token)" | curl --config - URL`,
		RunE: command.Connected(ws, func(ctx context.Context, conn *workspace.Connection) error {
			token, err := accessToken(ctx, conn)
			if err != nil {
				return err
			}
			return term.Reveal(terminal.Fields{"access_token": token}, token)
		}),
	}
}

func newRefresh(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:     "refresh",
		Example: "  engram-sync auth refresh --remote work",
		Short:   "Refresh the access token now",
		Long:    problem.Help("Exchange the refresh token for a new access token now. Other commands do this by\nthemselves when it is time.", problem.SignIn),
		RunE: command.Connected(ws, func(ctx context.Context, conn *workspace.Connection) error {
			token, err := conn.RefreshToken(ctx)
			if err != nil {
				return err
			}
			end := transport.TokenEnd(token)
			return term.Confirm(terminal.Fields{"expires_at": end.UTC().Format(time.RFC3339)},
				"refreshed; good until "+end.Local().Format(time.DateTime))
		}),
	}
}

func newAPIKey(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return command.Parent(&cobra.Command{
		Use:   "api-key",
		Short: "Create or revoke the account's API key",
		Long:  problem.Help("Create or end the API key of the account.\n\nAn API key never ends by itself, which suits CI and cron. An account has one: a new\nkey ends the old one at once, wherever that is in use.", problem.SignIn),
	},
		newAPIKeyCreate(term, ws),
		newAPIKeyRevoke(term, ws),
	)
}

func newAPIKeyCreate(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var store bool
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "Create an API key, which ends the old one",
		Example: "  engram-sync auth api-key create\n  engram-sync auth api-key create --store",
		Long:    problem.Help("Create an API key and print it; the server shows it only this once. The key that the\naccount had before ends at once.\n\nWith --store it is kept as this machine's login, and not printed.", problem.SignIn),
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
	return term.Reveal(terminal.Fields{"api_key": key}, key)
}

func newAPIKeyRevoke(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke",
		Example: "  engram-sync auth api-key revoke",
		Short:   "End the account's API key",
		Long:    problem.Help("End the account's API key at the server. Having none is fine.", problem.SignIn),
		RunE: command.Connected(ws, func(ctx context.Context, conn *workspace.Connection) error {
			if err := conn.RevokeAPIKey(ctx); err != nil {
				return err
			}
			return term.Confirm(terminal.Fields{"revoked": true}, "the account has no API key any more")
		}),
	}
}
