package verify

import (
	"bytes"
	"cmp"
	"context"
	"time"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/merge"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// keeper is a directory of whose manifest a copy is kept before it changes.
type keeper struct {
	workspace.Directory
	state   state.Root
	environ []string
	copied  string // the path of the copy; "" as long as there is none
}

// maxManifest bounds a side of a merge, in bytes, as chunkdir bounds a manifest.
const maxManifest = 64 << 20

// RecoverManifest takes both sides of a merge that git has not finished, where there is one.
func (k *keeper) RecoverManifest(ctx context.Context) (merge.Recovery, error) {
	sides, ok := git.Unmerged(ctx, k.Path(), k.environ, "manifest.json", maxManifest)
	if !ok {
		return k.Directory.RecoverManifest(ctx)
	}
	return k.RecoverUnmerged(sides)
}

// ReplaceManifest keeps a copy first.
func (k *keeper) ReplaceManifest(ctx context.Context, was []byte, next *engram.Manifest) error {
	if err := k.keep(was); err != nil {
		return err
	}
	return k.Directory.ReplaceManifest(ctx, was, next)
}

// AddEntries keeps a copy first, if there is something to add.
func (k *keeper) AddEntries(ctx context.Context, version int, entries []engram.ChunkEntry) error {
	was, err := k.ReadManifest(ctx)
	if err != nil {
		return err
	}
	next, err := was.With(version, entries...)
	if err != nil {
		return err
	}
	if !bytes.Equal(was.Bytes(), next.Bytes()) {
		if err := k.keep(was.Bytes()); err != nil {
			return err
		}
	}
	return k.Directory.AddEntries(ctx, version, entries)
}

// keep keeps the first manifest of the run, unless there was none.
func (k *keeper) keep(text []byte) (err error) {
	if k.copied == "" && !bytes.Equal(text, engram.NewManifest().Bytes()) {
		k.copied, err = state.KeepManifest(k.state, k.Path(), text, time.Now())
	}
	return err
}

// repair is one run of verify --repair.
type repair struct {
	term   *terminal.Terminal
	ws     *workspace.Workspace
	dryRun bool
	remote bool // --remote was given
	forget bool // the entries of chunks that are nowhere
	// readers are the generations that were named.
	readers []engram.Generation
	dir     *keeper
	opts    verification.RepairOptions
}

// run mends what it can, and says what is left.
func (r *repair) run(ctx context.Context, words []string) error {
	dir, err := openToVerify(ctx, r.ws)
	if err != nil {
		return err
	}
	r.dir = &keeper{Directory: dir, state: r.ws.State(), environ: r.ws.Environ}
	if !r.dryRun {
		unlock, err := r.ws.Lock(ctx, dir, "verify --repair")
		if err != nil {
			return err
		}
		defer unlock()
	}
	r.opts.DryRun, r.opts.Replaced = r.dryRun, state.OpenReplaced(r.ws.State(), dir.Path())
	r.opts.Concurrency, r.opts.Fatal, r.opts.MinVersion = r.ws.Config.Concurrency, problem.Common, max(surroundings.MinVersion(ctx, r.ws), engram.ManifestVersion(r.readers...))
	r.opts.Memory, r.opts.Full = surroundings.Memory(r.ws.State(), r.ws, dir), true
	if r.opts.Only, err = r.choose(ctx, words); err != nil {
		return err
	}
	look, err := surroundings.LookForSecrets(r.term, r.ws, dir, dir.Path())
	if err != nil {
		return err
	}
	r.dir.Directory = dir.Watched(look.Watch)
	done, err := r.work(ctx)
	if err == nil {
		err = r.askToForget(ctx, &done)
	}
	if ctx.Err() != nil || err != nil && len(done.Fixes)+len(done.Findings)+done.Checked == 0 {
		return err
	}
	if err := surroundings.LookAround(ctx, r.ws, dir).Judge(ctx, &done.Report, len(words) == 0); err != nil {
		return err
	}
	v := newVerified(done.Report)
	secrets, lookErr := lookForSecrets(ctx, look, dir, r.opts.Only)
	v.addSecrets(look, secrets)
	v.repaired = &repaired{Repaired: []repairedItem{}, Backup: r.dir.copied, DryRun: r.dryRun}
	for _, f := range done.Fixes {
		v.Repaired = append(v.Repaired, repairedItem{ID: f.ID, Action: f.Action, Message: terminal.OneLine(f.Detail)})
	}
	for _, f := range done.Fixes {
		if f.Action == verification.FixReidentified && !r.dryRun {
			memoryindex.Forget(memoryindex.Dir(), memoryindex.OfDirectory(dir.Path()))
			defer r.term.Note("a server that has chunk %s keeps what it said before, and so does git's history; change it in engram too: what engram.db of another machine still says, an export there writes again", f.ID)
		}
	}
	return v.end(r.term, r.ws, cmp.Or(err, lookErr), v.show(r.term, r.ws, r.hint, "could not be repaired", len(done.Fixes)))
}

// choose finds the chunks that words stand for.
func (r *repair) choose(ctx context.Context, words []string) ([]engram.ChunkID, error) {
	if len(words) == 0 {
		return nil, nil
	}
	rec, err := r.dir.RecoverManifest(ctx)
	if err != nil {
		return nil, err
	}
	return selectLocal(ctx, syncer.WithManifest(r.dir, rec.Manifest), words)
}

// work repairs, with the remote if one was named.
func (r *repair) work(ctx context.Context) (done verification.Repaired, err error) {
	mend := func() error {
		var stop func()
		r.opts.Report, stop = command.Progress(r.term, "chunk")
		defer stop()
		done, err = verification.Repair(ctx, r.dir, r.opts)
		return err
	}
	if !r.remote {
		return done, mend()
	}
	err = r.ws.With(ctx, func(conn *workspace.Connection) error {
		if err := command.MayUseThere(ctx, r.term, r.ws, conn); err != nil {
			return err
		}
		r.opts.Remote, r.opts.Aliases = conn, conn.Aliases
		err := mend()
		command.NoteProject(r.term, conn)
		return err
	})
	return done, err
}

// askToForget removes the entries of chunks that are nowhere, if it shall. Else it
// asks whether they shall go, where somebody can be asked, and where no remote is
// left to try.
func (r *repair) askToForget(ctx context.Context, done *verification.Repaired) error {
	if r.forget && len(done.Missing) > 0 {
		return verification.Forget(ctx, r.dir, done, r.dryRun)
	}
	if len(done.Missing) == 0 || r.dryRun || r.term.JSON || r.term.Quiet || !r.term.Interactive() {
		return nil
	}
	if !r.remote && !problem.Is(r.ws.Config.RemoteErr, config.ErrNoRemote) {
		return nil // it may have them
	}
	for _, id := range done.Missing {
		r.term.Note("chunk %s: its file is nowhere", id)
	}
	yes, err := r.term.AskWhether(ctx, "Remove "+terminal.Count(len(done.Missing), "entry")+" from the manifest?")
	if err != nil || !yes {
		return err
	}
	return verification.Forget(ctx, r.dir, done, false)
}

// hint is the next step after something that could not be mended.
func (r *repair) hint(err error, where string) string {
	switch {
	case r.remote && where == "here" && problem.As[*engram.MismatchError](err):
		return "name the chunk as well to download it again over the edit, or keep the edit with --re-identify"
	case r.remote || problem.Is(err, syncer.ErrForeign, surroundings.ErrEdited, surroundings.ErrDeleted, chunkdir.ErrPointer):
	case problem.Is(err, engram.ErrDamaged, engram.ErrNoFile) && !problem.Is(r.ws.Config.RemoteErr, config.ErrNoRemote):
		return "a remote may have it: run `engram-sync verify --repair " + r.ws.RemoteFlag() + "`"
	}
	return afterVerify(r.ws)(err, where)
}
