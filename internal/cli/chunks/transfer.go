// Package chunks is the commands by which chunks come and go: push, pull, sync, status and manifest.
// Only the root of the commands calls it.
package chunks

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/adoption"
	"github.com/engram-sync/engram-sync/internal/cli/chunks/export"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/leftbehind"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// transfer is one run of push, pull or sync.
type transfer struct {
	term             *terminal.Terminal
	ws               *workspace.Workspace
	command          string
	opts             syncer.Options // as the command and its flags want them
	dryRun, exitCode bool
	words            []string // chunk ids or their beginnings
	choosing         command.Choosing
	wants            selection.Filter // what it says
	create           bool             // make the directory if there is none
	init             bool             // make the vault if there is none

	project projectOptions

	watching watching

	exporting bool // write what is in no chunk before anything moves
	exported  export.Run

	dir  syncer.Local
	path string // of dir

	blank bool // dir held nothing at the beginning

	remote     string
	called     string            // what the remote is called, for people
	of         workspace.Project // of a project server
	accepted   int               // rows that this run has accepted
	planned    []syncer.Item
	behind     []recognition.Projection
	unseen     int // of what is planned
	serverMade []engram.ChunkEntry
	twins      []recognition.Twin
	adopted    []engram.ChunkID
	secrets    []surroundings.Secret
	syncer.Result
}

// cobra makes the command, with its own flags.
func (t *transfer) cobra(cmd *cobra.Command, flags ...func(*cobra.Command)) *cobra.Command {
	t.command = cmd.Name()
	cmd.RunE = func(cmd *cobra.Command, words []string) (err error) {
		if err := command.CheckExitCode(cmd, t.exitCode, t.dryRun); err != nil {
			return err
		}
		if err := t.checkWatch(cmd); err != nil {
			return err
		}
		t.words = words
		if t.wants, err = t.choosing.Read(cmd); err != nil {
			return err
		}
		if !t.wants.IsZero() && len(words) > 0 {
			return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--include and --exclude choose among all chunks: give them, or chunk ids")}
		}
		if t.watching.on {
			return t.watch(cmd.Context())
		}
		return t.run(cmd.Context())
	}
	cmd.Flags().BoolVarP(&t.dryRun, "dry-run", "n", false, "show what would be done, and do nothing")
	cmd.Flags().BoolVar(&t.exitCode, "exit-code", false, "with --dry-run: exit with 10 if there is something to do")
	for _, add := range flags {
		add(cmd)
	}
	return cmd
}

func (t *transfer) addInit(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.init, "init", false, "make the vault of --remote embedded:DIR if there is none")
}

func (t *transfer) addVerify(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.opts.ReadBack, "verify", false, "download what was pushed, and compare the bytes")
}

// run looks at both sides and moves what is asked for.
func (t *transfer) run(ctx context.Context) (err error) {
	if t.dryRun {
		t.ws.OnlyLook()
	}
	if t.opts.Push {
		if err := t.ws.PushesToVault(t.init); err != nil {
			return err
		}
	}
	if err := t.ws.CheckVault(); err != nil {
		return err
	}
	if t.exporting {
		remote, _ := t.ws.RemoteLabel() // without one the run fails soon enough
		t.exported = export.ForSync(t.term, t.ws, remote, t.dryRun, t.project.includePersonal)
		defer func() { err = errors.Join(err, t.exported.Close()) }()
		if err := t.exported.Open(ctx); err != nil {
			return err
		}
	}
	var release func()
	t.dir, t.path, release, err = t.ws.Claim(ctx, workspace.Claim{Command: t.command, Create: t.create, DryRun: t.dryRun})
	if err != nil {
		return err
	}
	defer release()
	if t.blank, err = isBlank(ctx, t.dir); err != nil {
		return err
	}
	if _, vault := t.ws.Config.Remote.Embedded(); vault && t.nothingToPush() {
		return errNothingToPush(t.path) // before a vault is made for it
	}
	if dir, ok := t.dir.(workspace.Directory); ok {
		surroundings.WarnOfLeftovers(ctx, t.term, t.ws, dir)
	}
	if t.exporting {
		if err := t.exported.Write(ctx, t.dir, t.path, !t.watching.on); err != nil {
			return err
		}
	}
	return t.ws.With(ctx, func(conn *workspace.Connection) error { return t.move(ctx, conn) })
}

// nothingToPush says that a push has nothing to push: perhaps it is the wrong
// directory, and then a backup that never was.
func (t *transfer) nothingToPush() bool { return t.blank && !t.opts.Pull }

func errNothingToPush(path string) error {
	return workspace.ErrBlank(path, "make its first chunk with `engram-sync export`")
}

// isBlank says whether a directory holds nothing, or is not there yet.
func isBlank(ctx context.Context, dir syncer.Local) (bool, error) {
	if dir, ok := dir.(workspace.Directory); ok {
		return dir.Blank(ctx)
	}
	return true, nil
}

func (t *transfer) addExport(cmd *cobra.Command) {
	export.AddChoice(cmd)
	cmd.Flags().BoolVar(&t.exporting, "export", false, "first write what engram.db holds and no chunk does into new chunks, as export does")
}

// move compares both sides, moves what is missing, and says so.
func (t *transfer) move(ctx context.Context, conn *workspace.Connection) error {
	defer collectEarly()()
	if err := command.MayUseThere(ctx, t.term, t.ws, conn); err != nil {
		return err
	}
	inFlight, err := t.openInFlight(conn) // before the manifest is read, which may be the only look
	if err != nil {
		return err
	}
	opts := t.opts
	opts.Concurrency, opts.Fatal, opts.Passing, opts.Strict = t.ws.Config.Concurrency, problem.Common, problem.Passing, t.project.strict
	opts.Notify = func(wait time.Duration, why string) { t.term.Note("waiting %s: %s", wait.Round(time.Second), why) }
	leaves := t.leaving(conn)
	if opts.Push {
		if err := leaves.look.Accept(); err != nil {
			return err
		}
	}
	diff, known, err := compareSides(ctx, t.term, t.ws, conn, t.dir, t.project, t.wants, t.opts.Pull, t.early(opts))
	if err != nil {
		return err
	}
	if opts.Pull && len(diff.ToPull)+len(diff.Orphans) > 0 {
		opts.MinVersion = surroundings.MinVersion(ctx, t.ws)
	}
	if opts.Only, err = diff.Select(t.words, opts); err != nil {
		return err
	}
	t.remote, t.called = conn.Label, conn.Called
	if conn.PerProject() {
		t.of = conn.Project
	} else if inFlight != nil { // project servers store a chunk once (project-server.md 3.5)
		opts.InFlight = inFlight
	}
	if err := t.mayBring(ctx, conn, diff); err != nil {
		return err
	}
	if opts.Push && len(t.words) == 0 {
		if err := cmp.Or(leftbehind.WrongProject(conn, diff), t.misnamedProject(ctx, conn, diff)); err != nil {
			return err
		}
	}
	if t.nothingToPush() {
		return errNothingToPush(t.path)
	}
	var adopted adoption.Outcome
	if opts.Pull {
		if diff, adopted, err = diff.Adopt(ctx, opts, t.dryRun); err != nil {
			return err
		}
		t.adopted = adopted.Adopted
	}
	if opts.Push {
		if opts.Held, err = leaves.before(ctx, diff, opts); err != nil {
			return err
		}
	}
	t.twins = diff.Twins
	if opts.Push {
		t.behind = diff.Omitted
	}
	if opts.Pull {
		t.serverMade = diff.ServerMade
	}
	if t.dryRun {
		t.planned, t.Result = syncer.Plan(diff, opts)
		if opts.Pull && len(opts.Only) == 0 {
			t.unseen = diff.Unseen()
		}
	} else {
		var stop func()
		opts.Report, stop = command.Progress(t.term, "chunk")
		t.Result = syncer.Run(ctx, diff, opts)
		stop()
		if err := known.Save(); err != nil {
			t.ws.Log.Info("remember whose chunks the server has", "error", err)
		}
		leaves.after(ctx)
	}
	t.Failed = append(t.Failed, adopted.Failed...)
	surroundings.ExplainMissing(ctx, t.ws, t.dir, t.Failed)
	defer t.noteVersion(ctx, diff.Here)
	defer t.noteGone(ctx, diff)
	var unkept error
	if t.project.acceptLeftOut && !t.dryRun {
		unkept = t.acceptLeftOut(conn)
	}
	t.warnOfTypes(diff)
	ended := t.print()
	if unkept != nil { // so that those rows are failures still
		t.term.Fail(problem.Failure(unkept, ""))
	}
	return ended
}

// openInFlight opens the memory of what is being pushed. The embedded server has none:
// it ends with this process, and whatever it was doing.
func (t *transfer) openInFlight(conn *workspace.Connection) (*state.InFlight, error) {
	if _, embedded := t.ws.Config.Remote.Embedded(); embedded || !t.opts.Push || t.dryRun {
		return nil, nil
	}
	path, err := filepath.EvalSymlinks(t.path)
	if err != nil {
		return nil, err
	}
	return state.OpenInFlight(t.ws.State(), conn.Label, path)
}

// acceptLeftOut remembers the rows that this run left out, so that they are no
// failure any more.
func (t *transfer) acceptLeftOut(conn *workspace.Connection) error {
	var rows []string
	rest := slices.DeleteFunc(slices.Clone(t.Failed), func(f work.Failure) bool {
		leftOut, ok := errors.AsType[*syncer.LeftOutError](f.Err)
		if ok {
			for _, r := range leftOut.Rows {
				rows = append(rows, r.Row)
			}
		}
		return ok
	})
	if len(rows) == 0 {
		return nil
	}
	err := state.OpenAcceptedRows(t.ws.State(), conn.Label, conn.Project.Name).Add(rows)
	if err == nil {
		t.Failed, t.accepted = rest, len(rows)
	}
	return err
}
