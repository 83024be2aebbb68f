package syncer

import (
	"context"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
)

// mend replaces a manifest that a merge has spoiled by the union of its sides.
func (r *repairer) mend(ctx context.Context) error {
	rec, err := r.dir.RecoverManifest(ctx)
	if err != nil || rec.Cause == nil {
		return err
	}
	settled, fixes := r.settle(ctx, rec)
	m, err := rec.Settled(settled...)
	if err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err // entries may be worse than they had to be
	}
	if r.opts.DryRun {
		r.local = WithManifest(r.dir, m)
	} else if err := r.dir.ReplaceManifest(ctx, rec.Text, m); err != nil {
		return err
	}
	var place *engram.ManifestError
	detail := rec.Cause.Error()
	if errors.As(rec.Cause, &place) {
		detail = place.Error()
	}
	r.done.Fixes = append(r.done.Fixes, Fix{Action: FixMerged, Detail: detail})
	r.done.Fixes = append(r.done.Fixes, fixes...)
	return nil
}

// settle decides about the entries that the text leaves in doubt, by what the
// chunks say. Where a chunk can't be read, the best guess stays: an id is not lost.
func (r *repairer) settle(ctx context.Context, rec merge.Recovery) (settled []engram.ChunkEntry, fixes []Fix) {
	var certain []engram.ChunkEntry
	for _, e := range rec.Manifest.Entries() {
		if rec.Doubts[e.ID].Confidence == merge.Certain {
			certain = append(certain, e)
		}
	}
	for _, e := range rec.Manifest.Entries() {
		doubt := rec.Doubts[e.ID]
		other, two := doubt.Other, !doubt.Other.ID.IsZero()
		if !two && doubt.Confidence == merge.Certain || ctx.Err() != nil {
			continue
		}
		contents, err := readFile(r.dir, e.ID)
		good := err == nil
		if two {
			e = better(e, other, contents, good)
			settled = append(settled, e)
			fixes = append(fixes, Fix{ID: e.ID.String(), Action: FixChosen, Detail: chosenDetail(e, other, rec)})
		}
		if !good || doubt.Confidence == merge.Certain || doubt.Confidence == merge.Pieced && fits(e, contents) {
			continue
		}
		derived, err := deriveEntry(r.dir, certain, e.ID)
		if err != nil {
			continue // it was good a moment ago: the verification will say what is wrong now
		}
		settled = append(settled, derived)
		fixes = append(fixes, Fix{ID: e.ID.String(), Action: FixRebuilt, Detail: "the merge mixed its entry with another"})
	}
	return settled, fixes
}

// chosenDetail says which of two entries it is.
func chosenDetail(e, other engram.ChunkEntry, rec merge.Recovery) string {
	left := other
	if left == e {
		left, _ = rec.Manifest.Entry(e.ID)
	}
	return fmt.Sprintf("of two entries, the one of %s by %.40q, not of %s by %.40q", e.CreatedAt, e.CreatedBy, left.CreatedAt, left.CreatedBy)
}

// better is the entry that counts the rows of the chunk right, else the older
// one, which hides fewer memories from engram's export (local-state.md 1.5).
// Both sides of a merge come to the same.
func better(a, b engram.ChunkEntry, c engram.Contents, good bool) engram.ChunkEntry {
	if good && fits(a, c) != fits(b, c) {
		if fits(a, c) {
			return a
		}
		return b
	}
	if b.Time().Before(a.Time()) || b.Time().Equal(a.Time()) && b.CreatedBy < a.CreatedBy {
		return b
	}
	return a
}

func fits(e engram.ChunkEntry, c engram.Contents) bool {
	return e.Sessions == c.Sessions && e.Memories == c.Memories && e.Prompts == c.Prompts
}
