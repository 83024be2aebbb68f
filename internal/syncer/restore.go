package syncer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// restore takes what a server has of a chunk that an old client reduced: it is
// stored with identities for its rows, under the id of these bytes. Chunks that are
// restored are held whole, so it is one at a time.
func (p *puller) restore(ctx context.Context, item Item, store func(*engram.Chunk) error) (*engram.ChunkEntry, error) {
	p.restoring.Lock()
	defer p.restoring.Unlock()
	var text []byte
	var rows engram.ChunkRows
	err := p.remote.ReadReduced(ctx, item.Remote, func(c *engram.Chunk) (err error) {
		p.opts.Report.Watch(c)
		text, rows, err = mend.Restore(item.Remote, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	id := engram.IDOf(sha256.Sum256(text))
	if id != item.Remote { // sessions alone lose nothing on the wire
		// Before there is a file that a killed run would leave unknown, to be pushed.
		if err := p.asked.Aliases.Add(item.Remote, id); err != nil {
			return nil, err
		}
	}
	entry := *item.Entry
	entry.Sessions, entry.Memories, entry.Prompts = len(rows.Sessions), len(rows.Observations), len(rows.Prompts)
	return &entry, store(engram.NewChunk(id, io.NopCloser(bytes.NewReader(text)), int64(len(text))))
}

// restorable says whether a reduced chunk is to be restored: not where the file of
// the true one is here, which may be damaged.
func (p *puller) restorable(item Item) bool {
	return !p.opts.Strict && p.asked.Aliases != nil && !p.Holds(item.Remote)
}

// recogniseAfterPull looks into the chunks that are to be pushed for those that were
// restored, here or on another machine, from what has just come: the server has that.
// What is found is remembered, so that later runs need not look.
func (s *Diff) recogniseAfterPull(ctx context.Context, moved []Moved) {
	if s.asked.Projector != nil || s.asked.Aliases == nil || len(moved) == 0 || ctx.Err() != nil {
		return
	}
	for local, from := range s.Retimed {
		if slices.ContainsFunc(moved, func(m Moved) bool { return m.Remote == from }) {
			_ = s.asked.Aliases.Add(from, local) // without it, it is found out again
		}
	}
	s.ToPush = slices.DeleteFunc(slices.Clone(s.ToPush), func(item Item) bool {
		restored, ok, err := recognition.ReadRestored(s.local, item.Local)
		if err != nil || !ok {
			return false // what is wrong with it is told when it moves
		}
		at := slices.IndexFunc(moved, func(m Moved) bool { return restored.From(m.Remote) })
		if at >= 0 {
			_ = s.asked.Aliases.Add(moved[at].Remote, item.Local) // this run knows it anyway
		}
		return at >= 0
	})
}
