// Package verify is the command that checks a chunk directory, and with --repair mends it.
// Only the root calls it.
package verify

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const verifyLong = `Check every chunk of the chunk directory: gzip, the hash against the id, the JSON, the
counts in the manifest. Then check the directory: missing files, files that no entry
names, rows whose session no chunk holds, and whatever else a teammate's "engram sync
--import" would refuse, stop at, drop or bring back. --for names the releases of engram
to think of; by default they are those that the directory and engram.db show.

A file that was good when it was last read, and has the same size, time and inode since,
is not read again, and the output counts these. That does not see bytes that went bad on
the disk: --full reads everything, and so do --remote, --repair and chunks that you name.
Only where this program has a state directory already is anything remembered.

What looks like a secret in a memory is told, by the rules of gitleaks; whether it fails
the run is up to --fail-on-secrets. .engram-sync-accepted has what only looks like one.

With --remote the chunks of that remote are downloaded and checked too, and not kept,
and those that it lacks are counted. Without it nothing leaves this machine.

--repair mends what can be mended without losing anything:

    the manifest    conflict markers and entries that git has glued together become the
                    union of both sides; counts become those of the chunks; a version
                    that is too low rises
    chunk files     those that no entry names get one
    with --remote   damaged and missing chunks are downloaded from there (the remote itself
                    is not checked then)

A file is only ever replaced by verified bytes of the same id. Before the manifest is
rewritten, a copy goes to the state directory. What loses something needs your word:

    CHUNK-ID           an edited chunk, whose bytes are whole, is replaced by the remote's
    --re-identify      or it gets the id of its bytes
    --forget-missing   the entry of a chunk that is nowhere goes
    --set-aside        an entry that is not engram's goes

Arguments are chunk ids, or the first digits of some: then only those are read.`

func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var mend bool
	r := &repair{term: term, ws: ws}
	var generations []string
	cmd := &cobra.Command{
		Use:   "verify [CHUNK-ID...]",
		Short: "Check every local chunk against its id, and repair what can be",
		Long:  problem.Help(verifyLong, problem.Remote, problem.Partial, problem.Locked),
		Example: "  engram-sync verify\n  engram-sync verify --for 1.x,3.x\n  engram-sync verify --remote work\n" +
			"  engram-sync verify --repair --dry-run\n  engram-sync verify --repair --remote work",
		RunE: func(cmd *cobra.Command, words []string) error {
			r.remote = cmd.Flags().Changed("remote")
			var err error
			if r.readers, err = parseReaders(generations, cmd.Flags().Changed("for")); err != nil {
				return &terminal.UsageError{Command: cmd.CommandPath(), Err: err}
			}
			r.opts.Readers = surroundings.Readers(cmd.Context(), ws, r.readers)
			if !mend || r.dryRun {
				ws.OnlyLook()
			}
			switch {
			case mend:
				return r.run(cmd.Context(), words)
			case r.dryRun:
				return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--dry-run is for --repair: without it nothing is changed anyway")}
			case r.forget || r.opts.SetAside || r.opts.Reidentify:
				return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--forget-missing, --set-aside and --re-identify are for --repair")}
			}
			return verify(cmd.Context(), term, ws, words, r.opts.Options, r.remote)
		},
	}
	cmd.Flags().StringSliceVar(&generations, "for", nil, "judge what `RELEASES` of engram make of it: 1.x, 2.x, 3.x")
	cmd.Flags().BoolVar(&r.opts.Full, "full", false, "read every chunk, also those unchanged since last read")
	cmd.Flags().Bool("fail-on-secrets", false, "fail over what looks like a secret; without it, warn")
	cmd.Flags().BoolVar(&mend, "repair", false, "repair what can be repaired without losing anything")
	cmd.Flags().BoolVar(&r.forget, "forget-missing", false, "with --repair: remove the entries of chunks whose files are nowhere")
	cmd.Flags().BoolVar(&r.opts.Reidentify, "re-identify", false, "with --repair: give chunks that were edited in place the ids of their bytes")
	cmd.Flags().BoolVar(&r.opts.SetAside, "set-aside", false, "with --repair: take entries that are not engram's out of the manifest")
	cmd.Flags().BoolVarP(&r.dryRun, "dry-run", "n", false, "with --repair: show what would be done, and do nothing")
	return cmd
}

// openToVerify opens the chunk directory, which must hold something: what was lost
// would verify too.
func openToVerify(ctx context.Context, ws *workspace.Workspace) (workspace.Directory, error) {
	dir, err := ws.OpenDirectory()
	if err != nil {
		return dir, err
	}
	blank, err := dir.Blank(ctx)
	if err == nil && blank {
		err = workspace.ErrBlank(dir.Path(), "let `engram-sync pull` fill it")
	}
	return dir, err
}

// orUnmerged says of the error of a damaged manifest if a repair can take both sides of an
// unfinished merge.
func orUnmerged(ctx context.Context, ws *workspace.Workspace, dir workspace.Directory, err error) error {
	if !problem.As[*engram.ManifestError](err) {
		return err
	}
	if _, ok := git.Unmerged(ctx, dir.Path(), ws.Environ, "manifest.json", maxManifest); ok {
		return &chunkdir.MergeableError{Err: err}
	}
	return err
}

// verify checks one side or both.
func verify(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, words []string, opts verification.Options, remote bool) (err error) {
	dir, err := openToVerify(ctx, ws)
	if err != nil {
		return err
	}
	opts.Concurrency = ws.Config.Concurrency
	opts.Memory = surroundings.Memory(state.In(state.Dir()), ws, dir) // it looks, and remembers all the same
	opts.Replaced = state.OpenReplaced(ws.State(), dir.Path())
	opts.Full = opts.Full || remote // whose chunks are compared with those here
	defer func() { err = orUnmerged(ctx, ws, dir, err) }()
	if opts.Only, err = selectLocal(ctx, dir, words); err != nil {
		return err
	}
	look, err := surroundings.LookForSecrets(term, ws, dir, dir.Path())
	if err != nil {
		return err
	}
	report, err := checked(term, opts, func(opts verification.Options) (verification.Report, error) {
		return verification.Verify(ctx, dir.Watched(look.Watch), opts)
	})
	if err != nil {
		return err
	}
	if err := surroundings.LookAround(ctx, ws, dir).Judge(ctx, &report, len(words) == 0); err != nil {
		return err
	}
	secrets, err := lookForSecrets(ctx, look, dir, opts.Only)
	if err != nil {
		return err
	}
	if remote {
		err = ws.With(ctx, func(conn *workspace.Connection) error {
			compared := ws.Comparison(conn, dir, projection.Options{})
			compared.Fatal = problem.Unknowable
			diff, err := syncer.Compare(ctx, dir, conn, compared)
			if err != nil {
				return err
			}
			if err := command.UseProject(ctx, term, ws, conn); err != nil {
				return err
			}
			there, err := checked(term, opts, func(opts verification.Options) (verification.Report, error) {
				return verification.VerifyRemote(ctx, diff, opts)
			})
			report.Checked += there.Checked
			report.Bytes += there.Bytes
			report.Findings = append(report.Findings, there.Findings...)
			return err
		})
	}
	// What was found here is worth knowing also when the remote can't be asked.
	v := newVerified(report)
	v.addSecrets(look, secrets)
	return v.end(term, ws, err, v.show(term, ws, afterVerify(ws), "failed the verification", 0))
}

// lookForSecrets looks through the chunks of the directory, or through some, that were not looked into while they were read.
func lookForSecrets(ctx context.Context, look *surroundings.Secrets, dir workspace.Directory, only []engram.ChunkID) ([]surroundings.Secret, error) {
	there, _, err := dir.Chunks(ctx)
	if err != nil {
		return nil, err
	}
	ids := there
	if len(only) > 0 {
		ids = only
	}
	return look.In(ctx, ids, there), context.Cause(ctx)
}

// checked runs a check, and shows how it goes.
func checked(term *terminal.Terminal, opts verification.Options, check func(verification.Options) (verification.Report, error)) (verification.Report, error) {
	report, stop := command.Progress(term, "chunk")
	defer stop()
	opts.Report = report
	return check(opts)
}

// selectLocal finds the chunks that words stand for in the directory.
func selectLocal(ctx context.Context, dir syncer.Local, words []string) ([]engram.ChunkID, error) {
	if len(words) == 0 {
		return nil, nil
	}
	all, _, err := dir.Chunks(ctx)
	if err != nil {
		return nil, err
	}
	m, err := dir.ReadManifest(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range m.Entries() {
		all = append(all, e.ID)
	}
	return syncer.Select(words, all)
}
