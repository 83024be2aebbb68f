package syncer

import (
	"context"
	"fmt"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// adopt lists the chunk files that no manifest names, if they are good: a run
// that was killed leaves such files, and so does a bad merge of the manifest.
func (p *puller) adopt(ctx context.Context, result *Result) {
	var entries []engram.ChunkEntry
	for _, id := range p.Orphans {
		if !p.opts.wants(id) || ctx.Err() != nil {
			continue
		}
		e, err := p.orphanEntry(id)
		if err != nil {
			result.fail(Item{Local: id}, fmt.Errorf("%w: %w", ErrUnlisted, err))
			continue
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return
	}
	if err := p.local.AddEntries(context.WithoutCancel(ctx), p.Here.Version(), entries); err != nil {
		for _, e := range entries {
			result.fail(Item{Local: e.ID, Direction: Pulled}, err)
		}
		return
	}
	for _, e := range entries {
		result.Adopted = append(result.Adopted, e.ID)
	}
}

// orphanEntry reads a chunk file, and makes the entry that can be made of it:
// who wrote it, and when, is not in there.
func (p *puller) orphanEntry(id engram.ChunkID) (engram.ChunkEntry, error) {
	c, err := p.local.OpenChunk(id)
	if err != nil {
		return engram.ChunkEntry{}, err
	}
	defer func() { _ = c.Close() }() // only read
	contents, err := readContents(c)
	if err != nil {
		return engram.ChunkEntry{}, err
	}
	return engram.ChunkEntry{
		ID: id, CreatedBy: "unknown", CreatedAt: engram.FormatTime(p.harmlessTime(contents.Newest)),
		Sessions: contents.Sessions, Memories: contents.Memories, Prompts: contents.Prompts,
	}, nil
}

// harmlessTime is no later than the newest entry: engram exports nothing older
// than that, so a later time would hide memories that were never exported
// (local-state.md 1.5 and 7.4).
func (p *puller) harmlessTime(newestRow time.Time) time.Time {
	newest := newestOf(p.Here.Entries())
	if newest.IsZero() {
		newest = time.Unix(0, 0)
	}
	if !newestRow.IsZero() && newestRow.Before(newest) {
		return newestRow
	}
	return newest
}
