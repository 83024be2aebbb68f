package verification

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// TwinError is the finding about a restored chunk whose true one is here too.
type TwinError struct{ recognition.Twin }

func (e *TwinError) Error() string {
	return fmt.Sprintf("it was restored from chunk %s, which is here now: run `engram-sync verify --repair` to retire it", e.True)
}

// judgeRestored finds restored chunks whose true one is here. Of a restored one that was retired, a merge
// may have brought the entry back: git knows nothing of the reason.
func (v *verifier) judgeRestored(local syncer.Local, m *engram.Manifest) {
	for _, id := range v.untimed {
		restored, ok, err := recognition.ReadRestored(local, id)
		if err != nil || !ok {
			continue
		}
		for _, other := range v.firsts[v.chunks[id].First] {
			if restored.From(other) && recognition.RestoredID(local, other) == id ||
				restored.Nameless() && other != id && alike(m, id, other) && recognition.SameReduced(local, id, other) {
				v.report.Findings = slices.DeleteFunc(v.report.Findings, func(f Finding) bool { return f.ID == id.String() && isReplaced(f) })
				v.note(Finding{ID: id.String(), Where: "here", Err: &TwinError{recognition.Twin{Restored: id, True: other}}, Harmless: true})
			}
		}
	}
	missing := func(f Finding) bool { return errors.Is(f.Err, engram.ErrNoFile) || isReplaced(f) }
	if !slices.ContainsFunc(v.report.Findings, missing) {
		return
	}
	trueOf := map[string]engram.ChunkID{}
	for _, id := range slices.Concat(slices.Collect(maps.Values(v.firsts))...) {
		if restored := recognition.RestoredID(local, id); restored != id {
			trueOf[restored.String()] = id
		}
	}
	for i, f := range v.report.Findings {
		if id, ok := trueOf[f.ID]; ok && missing(f) {
			restored, _ := engram.ParseChunkID(f.ID) // it is a key of the map
			v.report.Findings[i].Err, v.report.Findings[i].Harmless = &TwinError{recognition.Twin{Restored: restored, True: id}}, true
		}
	}
}

// alike says whether the manifest counts the same rows in two chunks.
func alike(m *engram.Manifest, a, b engram.ChunkID) bool {
	one, known := m.Entry(a)
	other, too := m.Entry(b)
	return known && too && one.Sessions == other.Sessions && one.Memories == other.Memories && one.Prompts == other.Prompts
}

// retire takes restored chunks away whose true one is here: first the entry, then
// the file, which can be made again of the true one.
func (r *repairer) retire(ctx context.Context) error {
	for _, f := range slices.Clone(r.done.Findings) {
		twin, ok := errors.AsType[*TwinError](f.Err)
		if !ok {
			continue
		}
		if !r.opts.DryRun {
			if err := cmp.Or(r.remember(twin.Restored, twin.True), r.remove(ctx, twin.Restored)); err != nil {
				return err
			}
		}
		r.done.fixed(twin.Restored, FixRetired, fmt.Sprintf("it was restored from chunk %s, which is here", twin.True))
	}
	return nil
}

func (r *repairer) remove(ctx context.Context, id engram.ChunkID) error {
	m, err := r.dir.ReadManifest(ctx)
	if err != nil {
		return err
	}
	next, err := m.Without(id)
	if err != nil {
		return err
	}
	if err := r.dir.ReplaceManifest(ctx, m.Bytes(), next); err != nil {
		return err
	}
	if err := r.dir.RemoveChunk(id); !errors.Is(err, fs.ErrNotExist) { // a merge brings back entries, and no files
		return err
	}
	return nil
}
