package verification

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/engram-sync/engram-sync/internal/adoption"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// repairManifest replaces a manifest that a merge has spoiled by the union of its sides.
func (r *repairer) repairManifest(ctx context.Context) error {
	rec, err := r.dir.RecoverManifest(ctx)
	if err != nil || rec.Cause == nil {
		return err
	}
	entries, fixes := r.resolve(ctx, rec)
	m, err := rec.Settled(entries...)
	if err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err // entries may be worse than they had to be
	}
	if r.opts.DryRun {
		r.local = syncer.WithManifest(r.dir, m)
	} else if err := r.dir.ReplaceManifest(ctx, rec.Text, m); err != nil {
		return err
	}
	detail := rec.Cause.Error()
	if place, ok := errors.AsType[*engram.ManifestError](rec.Cause); ok {
		detail = place.Error()
	}
	r.done.Fixes = slices.Concat(r.done.Fixes, []Fix{{Action: FixMerged, Detail: detail}}, fixes)
	return nil
}

// resolve decides about the entries that the text leaves in doubt, by what the
// chunks say. Where a chunk can't be read, the best guess stays: an id is not lost.
func (r *repairer) resolve(ctx context.Context, rec merge.Recovery) (entries []engram.ChunkEntry, fixes []Fix) {
	certain := slices.DeleteFunc(slices.Clone(rec.Manifest.Entries()), func(e engram.ChunkEntry) bool { return rec.Doubts[e.ID].Confidence != merge.Certain })
	take := func(e engram.ChunkEntry, action Action, detail string) {
		entries = append(entries, e)
		fixes = append(fixes, Fix{ID: e.ID.String(), Action: action, Detail: detail})
	}
	for _, e := range rec.Manifest.Entries() {
		doubt := rec.Doubts[e.ID]
		two := !doubt.Other.ID.IsZero()
		if !two && doubt.Confidence == merge.Certain || ctx.Err() != nil {
			continue
		}
		contents, _, err := adoption.ReadContents(r.dir, e.ID)
		good := err == nil
		if two {
			var detail string
			e, detail = choose(e, doubt.Other, contents, good)
			take(e, FixChosen, detail)
		}
		mixed := doubt.Confidence != merge.Certain && (doubt.Confidence != merge.Pieced || !fits(e, contents))
		if good && mixed {
			take(adoption.DerivedEntry(certain, e.ID, contents), FixRebuilt, "the merge mixed its entry with another")
		}
	}
	return entries, fixes
}

// choose takes one of two entries, and says which: the one that counts the rows of
// the chunk right, else the older one, which hides fewer memories from engram's
// export (local-state.md 1.5). Both sides of a merge come to the same.
func choose(a, b engram.ChunkEntry, c engram.Contents, good bool) (taken engram.ChunkEntry, detail string) {
	second := b.Time().Before(a.Time()) || b.Time().Equal(a.Time()) && b.CreatedBy < a.CreatedBy
	if good && fits(a, c) != fits(b, c) {
		second = fits(b, c)
	}
	if second {
		a, b = b, a
	}
	return a, fmt.Sprintf("of two entries, the one of %s by %.40q, not of %s by %.40q", a.CreatedAt, a.CreatedBy, b.CreatedAt, b.CreatedBy)
}

func fits(e engram.ChunkEntry, c engram.Contents) bool {
	return e.Sessions == c.Sessions && e.Memories == c.Memories && e.Prompts == c.Prompts
}
