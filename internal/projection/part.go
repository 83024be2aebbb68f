package projection

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// make projects one chunk.
func (d *Directory) make(ctx context.Context, id engram.ChunkID) (c Chunk, err error) {
	err = d.withDocument(ctx, id, func(doc document) error {
		s, err := d.opts.choose(doc, d.sessions)
		if err != nil {
			return err
		}
		c = Chunk{LeftOut: s.leftOut, Filled: s.filled, Personal: s.personal, Foreign: s.foreign}
		c.Parts, err = d.opts.split(s)
		return err
	})
	return c, err
}

// OpenPart gives the content of a part, which is made anew if it is not at hand.
// Chunks was called before.
func (d *Directory) OpenPart(ctx context.Context, local, part engram.ChunkID) (*engram.Chunk, error) {
	text, ok := d.kept.take(local, part)
	if !ok {
		parts, err := d.remake(ctx, local)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(parts, func(p Part) bool { return p.ID == part })
		if at < 0 {
			return nil, fmt.Errorf("chunk %s: it has changed while it was read: run the command again", local)
		}
		text = parts[at].text
		d.kept.take(local, part)
	}
	chunk := engram.NewChunk(part, io.NopCloser(bytes.NewReader(text)), int64(len(text)))
	chunk.SizeHint = int64(len(text))
	return chunk, nil
}

// remake makes the parts of a chunk once for all who want some at the same time.
func (d *Directory) remake(ctx context.Context, local engram.ChunkID) ([]Part, error) {
	parts, err, _ := d.making.Do(local.String(), func() (any, error) {
		c, err := d.make(ctx, local)
		if err == nil {
			d.kept.put(local, c.Parts)
		}
		return c.Parts, err
	})
	if err != nil {
		return nil, err
	}
	return parts.([]Part), nil
}
