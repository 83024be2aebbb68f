// Package mergedriver is the command by which git merges manifests, and its set-up in a repository.
// Only the root of the commands calls it.
package mergedriver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/merge"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const mergeDriverLong = `Merge two versions of manifest.json for git: the union of their entries by
chunk id, in the order of created_at and id, whichever side git calls ours. So
branches that each add chunks merge without a conflict, and no chunk is lost.
An entry that one side removed and the other left alone stays.

git calls it with three files, the common ancestor (which may be empty), ours,
where the result goes, and theirs. It needs no configuration and no network.

A conflict remains only where both sides changed the entry of one chunk, or
where a side is no manifest. Then the file has both sides between git's usual
markers, and ` + "`engram-sync verify --repair`" + ` resolves it. git takes every exit
code but 0 for a conflict.

--install lets git use it in this repository: it adds a line to .gitattributes
at the top of the work tree, to be committed, and the driver to the
repository's own configuration, which every clone needs for itself. Where it is
missing, git merges as it always does. --uninstall takes both out again.`

// driver is one merge-driver command line.
type driver struct {
	term               *terminal.Terminal
	ws                 *workspace.Workspace
	install, uninstall bool
}

func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	d := &driver{term: term, ws: ws}
	cmd := &cobra.Command{
		Use:     "merge-driver ANCESTOR OURS THEIRS [PATH]",
		Short:   "Merge manifest.json without conflicts, for git",
		Long:    problem.Help(mergeDriverLong, problem.Local),
		Example: "  engram-sync merge-driver --install\n  engram-sync merge-driver --uninstall",
		Args:    d.checkArgs,
		// In place of the root's: git calls this in the middle of a merge, where
		// a mistake in a settings file must not be in the way.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if d.install || d.uninstall {
				return ws.Load(cmd.Flags())
			}
			return ws.ChangeDirectory()
		},
		RunE: func(cmd *cobra.Command, words []string) error {
			if d.install || d.uninstall {
				return d.setUp(cmd.Context())
			}
			return d.merge(cmd.Context(), words)
		},
	}
	cmd.Flags().BoolVar(&d.install, "install", false, "let git use it in this repository")
	cmd.Flags().BoolVar(&d.uninstall, "uninstall", false, "undo --install")
	return cmd
}

func (d *driver) checkArgs(cmd *cobra.Command, words []string) error {
	wrong := ""
	switch setup := d.install || d.uninstall; {
	case d.install && d.uninstall:
		wrong = "takes --install or --uninstall, not both"
	case setup && len(words) > 0:
		wrong = "takes no arguments with --install and --uninstall"
	case !setup && (len(words) < 3 || len(words) > 4):
		wrong = "takes ANCESTOR OURS THEIRS [PATH], or --install"
	default:
		return nil
	}
	return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New(cmd.CommandPath() + " " + wrong)}
}

// merge writes the union of three files into the second.
func (d *driver) merge(ctx context.Context, words []string) error {
	var texts [3][]byte
	for i := range texts {
		text, err := readMergeFile(words[i])
		if err != nil {
			return err
		}
		texts[i] = text
	}
	name := words[1]
	if len(words) == 4 {
		name = words[3]
	}
	merged, conflicts, err := merge.Manifests(texts[0], texts[1], texts[2])
	var side *merge.SideError
	if errors.As(err, &side) {
		merged = merge.WholeConflict(texts[1], texts[2])
	} else if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // git keeps ours, and the conflict
	}
	if err := os.WriteFile(words[1], merged, 0o644); err != nil {
		return fmt.Errorf("write the merged manifest: %w", err)
	}
	var what []string
	if side != nil {
		what = append(what, side.Error())
	}
	for _, c := range conflicts {
		what = append(what, c.String())
	}
	if len(what) == 0 {
		return nil
	}
	return &terminal.ExitStatus{Code: problem.Failed, Message: fmt.Sprintf("conflict in %s: %s; run `engram-sync verify --repair`, then git add it",
		name, strings.Join(what, ", "))}
}

// maxMergeFile bounds a manifest, in bytes, as chunkdir does.
const maxMergeFile = 64 << 20

func readMergeFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a side of the merge: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxMergeFile+1))
	if err != nil {
		return nil, fmt.Errorf("read a side of the merge: %w", err)
	}
	if len(text) > maxMergeFile {
		return nil, fmt.Errorf("read a side of the merge: %s is larger than %d bytes", path, maxMergeFile)
	}
	return text, nil
}
