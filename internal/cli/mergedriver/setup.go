package mergedriver

import (
	"context"
	"fmt"
	"path"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const setupLong = `Teach git what engram's files are, in this repository:

* branches that each add chunks merge without a conflict in manifest.json
  (` + "`engram-sync help merge-driver`" + `),
* and ` + "`git diff`, `git log -p` and `git show`" + ` show the memories in chunks, where they say
  "Binary files differ" otherwise.

It adds two lines to .gitattributes at the top of the work tree, to be committed, and the
commands to the repository's own configuration, which every clone needs for itself: run it
once in each. Where it was not run, git does as it always does. A line that chose another
driver for just these files is changed, and named.

--uninstall takes all of it out again, and brings back what was changed.`

// setup puts the drivers into a repository, or takes them out.
type setup struct {
	term      *terminal.Terminal
	ws        *workspace.Workspace
	uninstall bool
}

// NewGit makes the command git, with setup below it.
func NewGit(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	group := &cobra.Command{
		Use:   "git",
		Short: "Teach git to merge and to show what engram writes",
		Long:  "Teach git to merge and to show what engram writes.",
		Args:  command.RefuseUnknown,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	s := &setup{term: term, ws: ws}
	cmd := &cobra.Command{
		Use:     "setup",
		Short:   "Let git merge manifests, and show memories in diffs",
		Long:    problem.Help(setupLong, problem.Local),
		Example: "  engram-sync git setup\n  engram-sync git setup --uninstall",
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&s.uninstall, "uninstall", false, "take out what setup put in")
	group.AddCommand(cmd)
	return group
}

// setupDocument is what setup prints in JSON mode.
type setupDocument struct {
	Schema     int      `json:"schema"`
	Action     string   `json:"action"` // "install" or "uninstall"
	Attributes string   `json:"attributes"`
	Line       string   `json:"line"`      // for the merge driver
	DiffLine   string   `json:"diff_line"` // for the text of chunks
	Replaced   []string `json:"replaced"`  // lines that chose another driver; with uninstall: that do so again
	Driver     string   `json:"driver"`    // the command; "" after uninstall
	Textconv   string   `json:"textconv"`  // likewise
	Changed    bool     `json:"changed"`
}

func (s *setup) run(ctx context.Context) error {
	dir, err := s.ws.OpenDirectory()
	if err != nil {
		return err
	}
	driver, err := git.FindDriver(ctx, s.ws.Environ, dir.Path(), chunkdir.ManifestName, chunkdir.ChunksName, chunkdir.ChunkSuffix)
	if err != nil {
		return err
	}
	doc := setupDocument{
		Schema: terminal.Schema, Action: "uninstall", Attributes: driver.Attributes, Line: driver.Line(git.Merge), DiffLine: driver.Line(git.Diff), Replaced: []string{},
	}
	var change git.DriverChange
	if s.uninstall {
		change, err = driver.Uninstall(ctx)
	} else {
		doc.Action = "install"
		if doc.Driver, err = git.DriverCommand("merge-driver %O %A %B %P"); err != nil {
			return err
		}
		if doc.Textconv, err = git.DriverCommand("show --textconv"); err != nil {
			return err
		}
		change, err = driver.Install(ctx, doc.Driver, doc.Textconv)
	}
	if err != nil {
		return err
	}
	if !s.uninstall {
		s.warnOverruled(ctx, driver, git.Merge)
		s.warnOverruled(ctx, driver, git.Diff)
	}
	doc.Changed, doc.Replaced = change.Changed, append(doc.Replaced, change.Replaced...)
	s.print(doc, driver.Path, change.Written)
	return nil
}

// warnOverruled says if git will not use a driver all the same.
func (s *setup) warnOverruled(ctx context.Context, d *git.Driver, kind git.Kind) {
	other, err := d.Overruled(ctx, kind)
	switch {
	case err != nil:
		s.term.Warn(terminal.OneLine(err.Error()))
	case other != "":
		s.term.Warn("git will use " + string(kind) + "=" + other + " all the same: look for it in .gitattributes of " + path.Dir(d.Path) +
			" and below, in info/attributes of the repository, and for a later line in " + d.Attributes)
	}
}

// print says what was done; written: the attributes changed as well.
func (s *setup) print(doc setupDocument, manifest string, written bool) {
	switch {
	case s.term.JSON:
		s.term.Document(doc)
		return
	case s.term.Quiet:
		return
	case !doc.Changed:
		fmt.Fprintf(s.term.Stdout, "nothing to do: the merge driver for %s, and the text of chunks for git diff, are %sed already\n", manifest, doc.Action)
		return
	}
	fmt.Fprintf(s.term.Stdout, "%sed the merge driver for %s, and the text of chunks for git diff\n", doc.Action, manifest)
	for _, line := range doc.Replaced {
		if s.uninstall {
			fmt.Fprintf(s.term.Stdout, "in %s there is again: %s\n", doc.Attributes, line)
		} else {
			fmt.Fprintf(s.term.Stdout, "in %s it takes the place of: %s\n", doc.Attributes, line)
		}
	}
	if !s.uninstall && written {
		fmt.Fprintf(s.term.Stdout, "commit %s, and run this command once in every other clone\n", doc.Attributes)
	}
}
