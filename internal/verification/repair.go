package verification

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/engram-sync/engram-sync/internal/adoption"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Repairable is a chunk directory whose manifest can be mended.
type Repairable interface {
	syncer.Local
	// RecoverManifest is ReadManifest for one that a merge has spoiled.
	RecoverManifest(ctx context.Context) (merge.Recovery, error)
	// ReplaceManifest puts next in the place of a manifest whose text is still was.
	ReplaceManifest(ctx context.Context, was []byte, next *engram.Manifest) error
	// OpenEdited is OpenChunk for a file whose content may have another id, which
	// the chunk gets. RemoveChunk removes a file.
	OpenEdited(id engram.ChunkID) (*engram.Chunk, error)
	RemoveChunk(id engram.ChunkID) error
}

// Fix is one thing that a repair has mended, or would mend.
type Fix struct {
	ID     string // of the chunk; "" where it is about the manifest itself
	Action Action
	Detail string // what was wrong
}

// Action is how something was mended.
type Action string

// The ways of mending.
const (
	FixMerged     Action = "merged"     // the manifest: both sides of a merge were united
	FixRebuilt    Action = "rebuilt"    // an entry was made anew from its chunk
	FixChosen     Action = "chosen"     // one of two entries was taken
	FixRecounted  Action = "recounted"  // an entry got the counts of its chunk
	FixAdopted    Action = "adopted"    // a chunk file got an entry
	FixDownloaded Action = "downloaded" // a chunk came from the remote
	FixRemoved    Action = "removed"    // an entry went, because somebody said so
	FixRetired    Action = "retired"    // a restored chunk went, since the true one is here, or an entry whose chunk was replaced
	// FixReidentified: a chunk that was edited in place got the id of its bytes.
	FixReidentified Action = "re-identified"
	FixRaised       Action = "raised"    // the manifest: its version was too low for the chunks
	FixSetAside     Action = "set aside" // an entry that is not engram's went, because somebody said so
)

// Repaired is what a repair did, and what it left.
type Repaired struct {
	// Report is what a verification finds now. After a dry run, what it would find.
	Report
	Fixes []Fix
	// Missing are entries whose file is not here, and on no remote that was asked.
	Missing []engram.ChunkID
}

// RepairOptions are how a repair goes about its work.
type RepairOptions struct {
	Options
	// MinVersion is the least version of a manifest that is written.
	MinVersion int
	// Fatal says of an error of the remote that no other chunk can fare better. nil: none is.
	Fatal func(error) bool
	// SetAside takes the entries that are not engram's out of the manifest.
	SetAside bool
	// Reidentify gives chunks that were edited in place the ids of their bytes.
	Reidentify bool
	// DryRun finds out what would be done, and does nothing.
	DryRun bool
	// Remote has what is damaged or missing here; nil: there is none to ask.
	Remote syncer.Remote
	// Aliases of the remote; may be nil.
	Aliases recognition.Aliases
}

// Repair mends what Verify finds and can be mended without losing anything: it
// unites the sides of a merge that nobody resolved in the manifest, adopts chunk
// files that no entry names, corrects the counts of entries, downloads damaged and
// missing chunks, and retires restored chunks whose true ones are here. No other entry
// goes, and a file is only replaced by a good one of the same id. What was done
// is right also where there is an error, which is of a side that cannot be read.
// Orphans wait for a remote that cannot be.
func Repair(ctx context.Context, dir Repairable, opts RepairOptions) (Repaired, error) {
	r := repairer{dir: dir, local: dir, opts: opts}
	if err := r.repairManifest(ctx); err != nil {
		return r.done, err
	}
	if err := r.setAside(ctx); err != nil {
		return r.done, err
	}
	report, err := Verify(ctx, r.local, opts.Options)
	r.done.Report = report
	if err != nil {
		return r.done, err
	}
	if err := r.raise(ctx); err != nil {
		return r.done, err
	}
	if err := r.recount(ctx); err != nil {
		return r.done, err
	}
	if err := r.dropReplaced(ctx); err != nil {
		return r.done, err
	}
	r.reidentify(ctx)
	var restErr error
	if opts.Remote != nil {
		restErr = r.fetch(ctx)
	}
	if restErr == nil { // else the remote may have better entries than we could make
		restErr = r.adopt(ctx)
	}
	if restErr == nil {
		restErr = r.retire(ctx)
	}
	for _, f := range r.done.Findings {
		id, err := engram.ParseChunkID(f.ID)
		if err == nil && errors.Is(f.Err, engram.ErrNoFile) {
			r.done.Missing = append(r.done.Missing, id)
		}
	}
	return r.done, errors.Join(restErr, context.Cause(ctx))
}

// setAside takes the entries that are not engram's out of the manifest, if it shall.
func (r *repairer) setAside(ctx context.Context) error {
	if !r.opts.SetAside {
		return nil
	}
	m, err := r.local.ReadManifest(ctx)
	if err != nil || len(m.Rejected()) == 0 {
		return err
	}
	next, err := m.WithoutRejected()
	if err != nil {
		return err
	}
	if r.opts.DryRun {
		r.local = syncer.WithManifest(r.dir, next)
	} else if err := r.dir.ReplaceManifest(ctx, m.Bytes(), next); err != nil {
		return err
	}
	for _, f := range m.Rejected() {
		r.done.Fixes = append(r.done.Fixes, Fix{ID: syncer.ForeignName(f), Action: FixSetAside, Detail: f.Err.Error()})
	}
	return nil
}

// recount puts the counts of the chunks into their entries: they are facts of the
// chunk, and nothing else in an entry is.
func (r *repairer) recount(ctx context.Context) error {
	var right []engram.ChunkEntry
	var fixes []Fix
	for _, f := range r.done.Findings {
		if wrong, ok := errors.AsType[*CountsError](f.Err); ok {
			e := wrong.right()
			right = append(right, e)
			fixes = append(fixes, Fix{ID: f.ID, Action: FixRecounted, Detail: fmt.Sprintf("%d sessions, %d memories, %d prompts", e.Sessions, e.Memories, e.Prompts)})
		}
	}
	if len(right) == 0 {
		return nil
	}
	if !r.opts.DryRun {
		m, err := r.local.ReadManifest(ctx)
		if err != nil {
			return err
		}
		next, err := m.Recounted(right...)
		if err != nil {
			return err
		}
		if err := r.dir.ReplaceManifest(ctx, m.Bytes(), next); err != nil {
			return err
		}
	}
	r.done.Fixes = append(r.done.Fixes, fixes...)
	r.done.Findings = slices.DeleteFunc(r.done.Findings, func(f Finding) bool { _, ok := errors.AsType[*CountsError](f.Err); return ok })
	return nil
}

// Forget removes the entries of chunks whose files are nowhere from the
// manifest. Whoever calls it has asked the user. A dry run only says so.
func Forget(ctx context.Context, dir Repairable, r *Repaired, dryRun bool) error {
	m, err := dir.ReadManifest(ctx)
	if err != nil {
		return err
	}
	next, err := m.Without(r.Missing...)
	if err != nil {
		return err
	}
	if !dryRun {
		err = dir.ReplaceManifest(ctx, m.Bytes(), next)
	}
	if err != nil {
		return err
	}
	for _, id := range r.Missing {
		r.fixed(id, FixRemoved, engram.ErrNoFile.Error())
	}
	r.Missing = nil
	return nil
}

// fixed moves a chunk from the findings to the fixes.
func (r *Repaired) fixed(id engram.ChunkID, action Action, detail string) {
	r.Fixes = append(r.Fixes, Fix{ID: id.String(), Action: action, Detail: detail})
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.needsRepair(id) })
}

// needsRepair says whether the finding is about a chunk, and is what a repair is for.
func (f Finding) needsRepair(id engram.ChunkID) bool {
	_, twin := errors.AsType[*TwinError](f.Err)
	return f.ID == id.String() && (!f.Harmless || errors.Is(f.Err, ErrOrphan) || twin)
}

// repairer is one Repair on its way.
type repairer struct {
	dir   Repairable
	local syncer.Local // dir; in a dry run, with the manifest that it would have
	opts  RepairOptions
	done  Repaired
}

// finding is the one about a chunk that makes a repair necessary, if any.
func (r *repairer) finding(id engram.ChunkID) *Finding {
	if i := slices.IndexFunc(r.done.Findings, func(f Finding) bool { return f.needsRepair(id) }); i >= 0 {
		return &r.done.Findings[i]
	}
	return nil
}

// adopt gives entries to the chunk files that have none.
func (r *repairer) adopt(ctx context.Context) error {
	var orphans []engram.ChunkID
	for _, f := range r.done.Findings {
		if id, err := engram.ParseChunkID(f.ID); err == nil && errors.Is(f.Err, ErrOrphan) {
			orphans = append(orphans, id)
		}
	}
	adopted := orphans
	if !r.opts.DryRun && len(orphans) > 0 {
		here, err := r.local.ReadManifest(ctx)
		if err != nil {
			return err
		}
		done := adoption.Adopt(ctx, r.local, here, orphans, r.opts.MinVersion)
		adopted = done.Adopted
		for _, f := range done.Failed {
			r.done.Findings = append(r.done.Findings, Finding{ID: f.ID, Where: "here", Err: f.Err})
		}
	}
	for _, id := range adopted {
		r.done.fixed(id, FixAdopted, "no manifest entry named its file")
	}
	return nil
}

// fetch downloads what is damaged or missing here, and with the entries of the
// remote what no entry here names.
func (r *repairer) fetch(ctx context.Context) error {
	s, err := syncer.Compare(ctx, r.local, r.opts.Remote, syncer.CompareOptions{Aliases: r.opts.Aliases, ServerChunks: true})
	if err != nil {
		return err
	}
	var items []syncer.Item
	there := map[engram.ChunkID]bool{}
	for _, e := range s.There.Entries() {
		item := syncer.Item{Remote: e.ID, Local: s.LocalID(e.ID), Entry: &e, Direction: work.Pulled}
		if f := r.finding(item.Local); f != nil && !r.isEdit(f, item.Local) {
			items = append(items, item)
			there[item.Local] = true
		}
	}
	for i, f := range r.done.Findings {
		if id, err := engram.ParseChunkID(f.ID); err == nil && !there[id] && errors.Is(f.Err, engram.ErrNoFile) {
			r.done.Findings[i].Err = syncer.ErrNowhere
		}
	}
	if r.opts.DryRun {
		would := make([]syncer.Fetched, len(items))
		for i, item := range items {
			would[i].Item = item
		}
		r.fetched(would)
		return nil
	}
	r.fetched(s.Fetch(ctx, items, syncer.Options{
		Concurrency: r.opts.Concurrency, MinVersion: r.opts.MinVersion, Fatal: r.opts.Fatal, Report: r.opts.Report,
	}))
	return nil
}

// isEdit says whether a chunk has other content than its id says, all of it good:
// that was somebody's will, which only who names the chunk takes back.
func (r *repairer) isEdit(f *Finding, id engram.ChunkID) bool {
	_, other := errors.AsType[*engram.MismatchError](f.Err)
	return other && !slices.Contains(r.opts.Only, id)
}

// fetched notes how each download ended.
func (r *repairer) fetched(downloads []syncer.Fetched) {
	for _, d := range downloads {
		f := r.finding(d.Local)
		if f == nil {
			continue // it is there under two ids, and one was enough
		}
		err := d.Err
		if d.Restored && d.As != d.Local {
			err = fmt.Errorf("the remote has only what an old client left of it, which is here as %s now", d.As)
		}
		if err != nil {
			f.Err, f.Harmless = fmt.Errorf("%w; downloading it again: %w", f.Err, err), false
			continue
		}
		if errors.Is(f.Err, ErrOrphan) {
			r.done.fixed(d.Local, FixAdopted, "no manifest entry named its file, and the remote has one")
			continue
		}
		r.done.fixed(d.Local, FixDownloaded, f.Err.Error())
		if !r.opts.DryRun { // it was checked as it came
			r.done.Checked++
			r.done.Bytes += d.Bytes
		}
	}
}
