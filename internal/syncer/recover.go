package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
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
		r.local = WithManifest(r.dir, m)
	} else if err := r.dir.ReplaceManifest(ctx, rec.Text, m); err != nil {
		return err
	}
	var place *engram.ManifestError
	detail := rec.Cause.Error()
	if errors.As(rec.Cause, &place) {
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
		contents, _, err := readFile(r.dir, e.ID, nil)
		good := err == nil
		if two {
			var detail string
			e, detail = choose(e, doubt.Other, contents, good)
			take(e, FixChosen, detail)
		}
		if good && mixed(e, doubt.Confidence, contents) {
			// An error cannot stay for long: the chunk was good a moment ago, and the
			// verification will say what is wrong now.
			if rebuilt, err := deriveEntry(r.dir, certain, e.ID); err == nil {
				take(rebuilt, FixRebuilt, "the merge mixed its entry with another")
			}
		}
	}
	return entries, fixes
}

// mixed says whether an entry has to be made anew from its chunk.
func mixed(e engram.ChunkEntry, doubt merge.Confidence, c engram.Contents) bool {
	return doubt != merge.Certain && (doubt != merge.Pieced || !fits(e, c))
}

// choose takes one of two entries, and says which.
func choose(a, b engram.ChunkEntry, c engram.Contents, good bool) (taken engram.ChunkEntry, detail string) {
	taken, left := a, b
	if better(a, b, c, good) == b {
		taken, left = b, a
	}
	return taken, fmt.Sprintf("of two entries, the one of %s by %.40q, not of %s by %.40q", taken.CreatedAt, taken.CreatedBy, left.CreatedAt, left.CreatedBy)
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
