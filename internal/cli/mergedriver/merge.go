// Package mergedriver is the command by which git merges manifests, and the set-up in a repository of that and of what
// makes text of chunks. Only the root of the commands calls it.
package mergedriver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const mergeDriverLong = `Merge two versions of manifest.json for git: the union of their entries by
chunk id, in the order of created_at and id, whichever side git calls ours. So
branches that each add chunks merge without a conflict, and no chunk is lost.
An entry that one side removed and the other left alone stays, unless the side that
removed it has a new one with its author and time: then the chunk was replaced, as
"engram-sync redact" does, and the old one must not come back.

git calls it with three files, the common ancestor (which may be empty), ours,
where the result goes, and theirs. It needs no configuration and no network.

A conflict remains only where both sides changed the entry of one chunk, or
where a side is no manifest. Then the file has both sides between git's usual
markers, and ` + "`engram-sync verify --repair`" + ` resolves it. git takes every exit
code but 0 for a conflict.

--install and --uninstall are ` + "`engram-sync git setup`" + ` and its --uninstall, by the
name that they had first.`

type driver struct {
	setup
	install bool
}

// New makes the command merge-driver.
func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	d := &driver{setup: setup{term: term, ws: ws}}
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
				return d.run(cmd.Context())
			}
			return d.merge(cmd.Context(), words)
		},
	}
	cmd.Flags().BoolVar(&d.install, "install", false, "as git setup")
	cmd.Flags().BoolVar(&d.uninstall, "uninstall", false, "as git setup --uninstall")
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
	merged, err := merge.Manifests(texts[0], texts[1], texts[2])
	side, conflicted := errors.AsType[*merge.SideError](err)
	if conflicted {
		merged.Text = merge.WholeConflict(texts[1], texts[2])
	} else if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // git keeps ours, and the conflict
	}
	if err := writeResult(words[1], merged.Text); err != nil {
		return err
	}
	var what []string
	if conflicted {
		what = append(what, side.Error())
	}
	for _, c := range merged.Conflicts {
		what = append(what, c.String())
	}
	if len(what) == 0 {
		if merged.Version > engram.KnownManifestVersion {
			d.ws.NoteLater(fmt.Sprintf("%s has version %d", name, merged.Version))
		}
		return nil
	}
	return &terminal.ExitStatus{Code: problem.Failed, Message: fmt.Sprintf("conflict in %s: %s; run `engram-sync verify --repair`, then git add it",
		name, strings.Join(what, ", "))}
}

// writeResult puts the result in the place of ours, whole or not at all: git reads what
// has that name afterwards, also where we were killed.
func writeResult(path string, merged []byte) error {
	if err := atomicfile.Write(path, merged, 0o644); err != nil {
		return fmt.Errorf("write the merged manifest: %w; `engram-sync verify --repair` merges what git's index has of both sides", err)
	}
	return nil
}

// maxMergeFile bounds a manifest, in bytes, as chunkdir does.
const maxMergeFile = 64 << 20

// readMergeFile reads what git wrote for us: a regular file, whatever it names.
func readMergeFile(path string) ([]byte, error) {
	text, err := repofile.Read(path, maxMergeFile)
	if err != nil {
		return nil, fmt.Errorf("read a side of the merge: %w", err)
	}
	return text, nil
}
