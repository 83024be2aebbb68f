package chunks

import (
	"context"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// compareSides compares both sides. On account servers, which hold all projects of a user,
// a repository wants only the chunks of its own; which that is has to be known only if there is
// something to pull. wants is what was asked for; early are the options of a run that follows at once; nil: none does.
func compareSides(
	ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, conn *workspace.Connection, dir syncer.Local, project projectOptions, wants selection.Filter, pulls bool, early *syncer.Options,
) (*syncer.Diff, *state.ChunkProjects, error) {
	opts := ws.Comparison(conn, dir, projection.Options{IncludePersonal: project.includePersonal, Strict: project.strict})
	opts.ServerChunks, opts.Fatal = project.serverChunks, problem.Unknowable
	report, stop := command.Progress(term, "chunk")
	defer stop()
	opts.Report = report
	if early != nil {
		begun := *early
		begun.Report, opts.Early = report, &begun
	}
	known := state.OpenChunkProjects(ws.State(), conn.Label)
	own, unknown := ws.RepositoryProject()
	opts.Choice = func() *syncer.Choice {
		choice := &syncer.Choice{Project: own.Name, Wants: wants, Known: known}
		if conn.PerProject() || project.allProjects {
			choice.Project = ""
		}
		if choice.Project == "" && wants.IsZero() {
			return nil
		}
		return choice
	}
	diff, err := syncer.Compare(ctx, dir, conn, opts)
	if err == nil && pulls && len(diff.ToPull) > 0 && !conn.PerProject() && !project.allProjects {
		err = unknown
	}
	return diff, known, err
}

// mayBring gets the user's word for the project where a file of the repository chose it, and
// an account server has chunks that would come because they are of it.
func (t *transfer) mayBring(ctx context.Context, conn *workspace.Connection, diff *syncer.Diff) error {
	if conn.PerProject() || !t.opts.Pull || t.project.allProjects || len(t.words) > 0 || len(diff.ToPull) == 0 {
		return nil
	}
	own, _ := t.ws.RepositoryProject() // compareSides has told why there is none
	return command.MayUse(ctx, t.term, t.ws, own, conn.Label)
}

// unseenText says of chunks to pull that they may stay where they are.
func unseenText(n int) string {
	return fmt.Sprintf("%d not looked at yet: those of other projects will stay there", n)
}

// noteUnasked says how many chunks stay on the server since nobody asked for them, and with -v which.
func (t *transfer) noteUnasked() {
	if len(t.Unasked) == 0 {
		return
	}
	t.term.Note("%s left on the server by --include and --exclude (`engram-sync pull` without them brings the rest)", terminal.Count(len(t.Unasked), "chunk"))
	if !t.term.Verbose {
		return
	}
	for _, item := range t.Unasked {
		t.term.Note("chunk %s: not asked for", item.Remote)
	}
}

// warnOfTypes says which types that were asked for no chunk of the server has, where each of them was seen: the others may
// have them.
func (t *transfer) warnOfTypes(diff *syncer.Diff) {
	if have, all := diff.TypesThere(); all && len(have) > 0 {
		command.WarnOfTypes(t.term, "the server's chunks have", t.wants.Types(), have)
	}
}

// noteLeft says how many chunks of other projects stay on the server, and with -v which.
func (t *transfer) noteLeft() {
	if len(t.Left) == 0 {
		return
	}
	own, _ := t.ws.RepositoryProject() // there is one, or none would be left
	t.term.Note("%s of other projects than %s (%s) left on the server (--all-projects takes them, too; --project names another)",
		terminal.Count(len(t.Left), "chunk"), terminal.Visible(own.Name), terminal.Visible(own.From))
	if !t.term.Verbose {
		return
	}
	for _, item := range t.Left {
		t.term.Note("chunk %s: of another project, or of several", item.Remote)
	}
}

// gone is how many chunks there are on the server whose memories engram.db may well have, though they are in no chunk here: the
// manifest lists them, but their files are not here; or nothing is here at all. What others have added meanwhile is no such.
func gone(diff *syncer.Diff) (n int) {
	for _, item := range diff.ToPull {
		if len(diff.Here.Entries()) == 0 || diff.Here.Has(item.ID()) {
			n++
		}
	}
	return n
}

// noteGone says what is in no chunk here, after files of chunks that are gone, unless the run has brought them.
func (t *transfer) noteGone(ctx context.Context, diff *syncer.Diff) {
	n := gone(diff)
	if t.opts.Pull && !t.dryRun {
		n = 0
	}
	if n > 0 && !t.opts.Pull && len(diff.Here.Entries()) > 0 {
		t.term.Note("note: %s listed here, without a file: `engram-sync pull` brings back what is missing", terminal.Count(n, "chunk"))
	}
	if !t.exporting {
		surroundings.NoteUnexported(ctx, t.term, t.ws, t.dir, n)
	}
}
