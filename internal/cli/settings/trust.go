package settings

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const trustLong = `Allow the project that a file of this repository chose.

.engram/config.json and .engram-sync.yaml come with a clone, and can name any
project. One that is not that of git's origin is not used to move memories until
you have said so, once for each remote and work tree: at a terminal you are asked,
elsewhere the command ends with 2. If the files name another project later, that one has to
be allowed too. What you name yourself (--project, ENGRAM_SYNC_PROJECT, your own
configuration) needs none of this.

It is about the configured remote, or the one of --remote, and also allows what
export writes here. Without a remote it is about export alone.`

// NewTrust is the command about what a repository may choose.
func NewTrust(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var list, revoke bool
	cmd := &cobra.Command{
		Use:     "trust",
		Short:   "Allow a repository's own choice of project for a remote",
		Long:    problem.Help(trustLong, problem.Local),
		Example: "  engram-sync trust\n  engram-sync trust --list\n  engram-sync trust --revoke -C ../cloned",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case list && revoke:
				return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--list shows, --revoke forgets: choose one")}
			case list:
				return listTrusted(term, ws)
			case revoke:
				return revokeTrust(term, ws, cmd.Flags().Changed("remote"))
			}
			return trust(term, ws)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list what is allowed, in all work trees")
	cmd.Flags().BoolVar(&revoke, "revoke", false, "forget what is allowed in this work tree (with --remote: for that one)")
	return cmd
}

func trust(term *terminal.Terminal, ws *workspace.Workspace) error {
	claims, err := ws.Claims()
	if err != nil {
		return err
	}
	remote, err := remoteToTrust(ws)
	if err != nil {
		return err
	}
	given := []state.Word{}
	for _, p := range claims {
		word, err := ws.Trust(p, remote)
		if err != nil {
			return err
		}
		given = append(given, word)
	}
	return term.Result(terminal.Fields{"trusted": given}, func(w io.Writer) error {
		if len(claims) == 0 && !term.Quiet {
			fmt.Fprintln(w, "nothing to allow: no file of this repository chose the project")
		}
		for i, p := range claims {
			if !term.Quiet {
				fmt.Fprintf(w, "allowed: project %s, from %s, in %s, %s\n", terminal.Visible(engram.NormalizeProject(p.Name)),
					terminal.Visible(p.From), terminal.Visible(p.Claimed), forRemote(given[i]))
			}
		}
		return nil
	})
}

// remoteToTrust is the configured one; "" where there is none.
func remoteToTrust(ws *workspace.Workspace) (string, error) {
	remote, err := ws.RemoteLabel()
	if errors.Is(err, config.ErrNoRemote) {
		return "", nil
	}
	return remote, err
}

func forRemote(word state.Word) string {
	if word.Remote == "" {
		return "for export alone"
	}
	return "for " + word.Remote
}

func listTrusted(term *terminal.Terminal, ws *workspace.Workspace) error {
	words := append([]state.Word{}, state.Words(ws.State())...)
	if len(words) == 0 {
		return term.Confirm(terminal.Fields{"trusted": words}, "nothing is allowed, in no work tree")
	}
	return term.Table(terminal.Fields{"trusted": words}, "WORK TREE\tPROJECT\tALLOWED\tSINCE", func(row terminal.Row) {
		for _, w := range words {
			row("%s\t%s\t%s\t%s", terminal.Visible(w.WorkTree), terminal.Visible(w.Project), forRemote(w), w.Given.Local().Format("2006-01-02"))
		}
	})
}

// revokeTrust forgets what is allowed here, for all remotes or for the one that was named.
func revokeTrust(term *terminal.Terminal, ws *workspace.Workspace, named bool) error {
	remote, err := remoteToTrust(ws)
	if err != nil && named {
		return err
	}
	here := ws.WorkTrees()
	revoked := []state.Word{}
	for _, word := range state.Words(ws.State()) {
		if !slices.Contains(here, word.WorkTree) || named && word.Remote != remote {
			continue
		}
		if err := word.TakeBack(ws.State()); err != nil {
			return err
		}
		revoked = append(revoked, word)
	}
	return term.Confirm(terminal.Fields{"revoked": revoked}, terminal.Count(len(revoked), "permission")+" revoked")
}
