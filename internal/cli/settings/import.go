package settings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const importEngramLong = `Take over the server and the login of engram's own cloud.json: the server becomes
a named remote, and the tokens go into the OS keyring.

engram keeps its tokens in that file in plain text. They are removed from it
only if you say so, at a prompt or with --remove-plaintext; engram's own client is then
logged out.`

type importOptions struct {
	name            string
	removePlaintext bool
}

func newImport(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var opts importOptions
	cmd := &cobra.Command{
		Use:     "import-engram",
		Short:   "Take over the server and login of engram's own cloud.json",
		Long:    problem.Help(importEngramLong, problem.Local, problem.Auth),
		Example: "  engram-sync config import-engram --name work",
		RunE:    func(cmd *cobra.Command, _ []string) error { return importEngram(cmd.Context(), term, ws, opts) },
	}
	cmd.Flags().StringVar(&opts.name, "name", "engram", "`NAME` of the new remote")
	cmd.Flags().BoolVar(&opts.removePlaintext, "remove-plaintext", false, "remove the tokens from cloud.json")
	return cmd
}

type importedDocument struct {
	Schema           int    `json:"schema"`
	File             string `json:"file"`
	Remote           string `json:"remote"`
	URL              string `json:"url"`
	Account          string `json:"account"` // "" if the file held no token
	Store            string `json:"store"`
	PlaintextRemoved bool   `json:"plaintext_removed"`
}

func importEngram(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, opts importOptions) error {
	cloud, path, err := surroundings.ReadCloudFile(ws)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return terminal.Usagef("engram has no %s: there is nothing to import", path)
	case err != nil:
		return err
	case cloud.ServerURL == "":
		return terminal.Usagef("%s is not a cloud.json with a server_url", path)
	}
	base, err := transport.NormalizeURL(cloud.ServerURL)
	if err != nil {
		return fmt.Errorf("%s: server_url: %w", path, err)
	}
	if current, err := ws.Logins().Current(ctx, base); cloud.Token != "" && err == nil {
		return terminal.Usagef("%s is logged in to %s already: log out first to take engram's login over", current.Name, base)
	}
	doc := importedDocument{Schema: terminal.Schema, File: path, Remote: opts.name, URL: base}
	if err := importRemote(ws, opts.name, base); err != nil {
		return err
	}
	if cloud.Token != "" {
		if err := importLogin(ctx, ws, base, cloud, &doc); err != nil {
			return err
		}
		if doc.PlaintextRemoved = mayRemove(ctx, term, path, opts); doc.PlaintextRemoved {
			if err := removePlaintext(path); err != nil {
				return fmt.Errorf("remove the plain text tokens: %w", err)
			}
		}
	}
	return printImported(term, doc)
}

// importLogin keeps the tokens. The name of the account stands in the file, or
// else in the token.
func importLogin(ctx context.Context, ws *workspace.Workspace, base string, cloud surroundings.CloudFile, doc *importedDocument) error {
	name, userID := auth.OwnerOf(cloud.Token)
	if cloud.Username != "" {
		name, userID = cloud.Username, cloud.UserID
	}
	account := auth.Account{BaseURL: base, Name: name, UserID: userID, Store: ws.Config.CredentialStore}
	doc.Account, doc.Store = name, account.Store
	return ws.Logins().Add(ctx, account, auth.Credentials{Access: cloud.Token, Refresh: cloud.RefreshToken})
}

// importRemote names the server, and makes it the default if there is none.
func importRemote(ws *workspace.Workspace, name, url string) error {
	path, _ := ws.Inputs.File()
	if err := config.Set(path, "remotes."+name+".url", url); err != nil {
		return err
	}
	if errors.Is(ws.Config.RemoteErr, config.ErrNoRemote) || ws.Config.Remote.FromEngramEnv {
		return config.Set(path, "remote", name)
	}
	return nil
}

// mayRemove asks whether the plain text may go, unless that was said already.
func mayRemove(ctx context.Context, term *terminal.Terminal, path string, opts importOptions) bool {
	if opts.removePlaintext {
		return true
	}
	answer, err := term.Ask(ctx, "Remove the tokens from "+path+"? engram's own client is logged out then [y/N]", "--remove-plaintext")
	if err != nil {
		term.Warn("the tokens are still in plain text in " + path + ": run this again with --remove-plaintext to remove them")
		return false
	}
	return answer == "y" || answer == "Y" || answer == "yes"
}

// removePlaintext takes the tokens out of cloud.json, and leaves all else in it.
func removePlaintext(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	text, err := sharing.ReadFile(path)
	if err != nil {
		return err
	}
	members := map[string]json.RawMessage{}
	if json.Unmarshal(text, &members) != nil {
		return fmt.Errorf("%s is not a JSON object any more", path)
	}
	delete(members, "token")
	delete(members, "refresh_token")
	if text, err = json.MarshalIndent(members, "", "  "); err != nil {
		return err
	}
	return atomicfile.Write(path, text, info.Mode().Perm())
}

func printImported(term *terminal.Terminal, doc importedDocument) error {
	text := fmt.Sprintf("remote %s is %s", doc.Remote, doc.URL)
	if doc.Account != "" {
		text += fmt.Sprintf("; logged in as %s, with the tokens in the %s", terminal.Visible(doc.Account), doc.Store)
	} else {
		text += "; the file held no token, so run `engram-sync login`"
	}
	if doc.PlaintextRemoved {
		text += "; the plain text is gone from " + doc.File
	}
	return term.Confirm(doc, text)
}
