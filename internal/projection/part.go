package projection

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// make projects one chunk.
func (d *Directory) make(ctx context.Context, id engram.ChunkID) (c recognition.Projection, texts partTexts, err error) {
	texts = partTexts{}
	err = d.withDocument(ctx, id, func(doc document) error {
		var there *recognition.RowSet
		if d.supplements[id] {
			there = d.there
		}
		s, err := d.opts.choose(doc, d.sessions, there)
		if err != nil {
			return err
		}
		stubs := d.opts.stubs(d.stubs[id])
		c = recognition.Projection{LeftOut: s.leftOut, Filled: slices.Concat(s.filled, stubs.filled), Personal: s.personal, Unjudged: s.unjudged, Foreign: s.foreign}
		for _, s := range []selection{stubs, s} {
			if there != nil {
				s.dropHeld(there, d.opts)
			}
			parts, err := d.opts.split(s, texts)
			if err != nil {
				return err
			}
			c.Parts = append(c.Parts, parts...)
		}
		if there != nil && len(c.Parts) == 0 {
			c.Filled = nil // it was, when it went
		}
		return nil
	})
	return c, texts, err
}

// OpenPart gives the content of a part, which is made anew if it is not at hand.
// Chunks was called before.
func (d *Directory) OpenPart(ctx context.Context, local, part engram.ChunkID) (*engram.Chunk, error) {
	text, ok := d.kept.take(local, part)
	if !ok {
		texts, err := d.remake(ctx, local)
		if err != nil {
			return nil, err
		}
		if text, ok = texts[part]; !ok {
			return nil, fmt.Errorf("chunk %s: it has changed while it was read: run the command again", local)
		}
		d.kept.take(local, part)
	}
	chunk := engram.NewChunk(part, io.NopCloser(bytes.NewReader(text)), int64(len(text)))
	chunk.SizeHint = int64(len(text))
	return chunk, nil
}

// remake makes the parts of a chunk once for all who want some at the same time.
func (d *Directory) remake(ctx context.Context, local engram.ChunkID) (partTexts, error) {
	texts, err, _ := d.making.Do(local.String(), func() (any, error) {
		_, texts, err := d.make(ctx, local)
		if err == nil {
			d.kept.put(local, texts)
		}
		return texts, err
	})
	if err != nil {
		return nil, err
	}
	return texts.(partTexts), nil
}

// withDocument reads a chunk, once there is memory for it. What f keeps of it
// does not count any more after that.
func (d *Directory) withDocument(ctx context.Context, id engram.ChunkID, f func(document) error) error {
	c, err := d.open(id)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read
	weight := min(c.SizeHint, maxWhole)
	if weight <= 0 {
		weight = maxWhole // it may be of any size
	}
	if d.whole.Acquire(ctx, weight) != nil {
		return context.Cause(ctx)
	}
	defer d.whole.Release(weight)
	data, err := readHinted(c)
	if err != nil {
		return err
	}
	doc, err := parseDocument(id, data)
	if err == nil {
		err = f(doc)
	}
	if err != nil {
		return &engram.DamageError{ID: id, Reason: "its rows cannot be read", Err: err}
	}
	return nil
}

// readHinted reads a chunk that is not larger than it claims.
func readHinted(c *engram.Chunk) ([]byte, error) {
	if c.SizeHint <= 0 {
		return io.ReadAll(c)
	}
	var data bytes.Buffer
	data.Grow(int(min(c.SizeHint, maxWhole)) + bytes.MinRead)
	n, err := data.ReadFrom(io.LimitReader(c, c.SizeHint+1))
	if err == nil && n > c.SizeHint {
		err = &engram.DamageError{ID: c.ID(), Reason: fmt.Sprintf("its source claims %d bytes, and holds more", c.SizeHint)}
	}
	return data.Bytes(), err
}

// maxKept is how many bytes of parts are kept until somebody opens them. Those of
// the chunk that was made last are kept in any case.
const maxKept = 48 << 20

// partTexts are the canonical texts of parts, by their ids.
type partTexts map[engram.ChunkID][]byte

// kept are the texts of parts that have been made and not yet opened, so that a
// chunk need not be made again for each of its parts. It is safe for concurrent use.
type kept struct {
	mu    sync.Mutex
	order []engram.ChunkID // of the chunks, the oldest first
	texts map[engram.ChunkID]partTexts
	size  int
}

// put keeps what a chunk has become.
func (k *kept) put(local engram.ChunkID, texts partTexts) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(local)
	for _, text := range texts {
		k.size += len(text)
	}
	k.texts[local], k.order = maps.Clone(texts), append(k.order, local)
	for k.size > maxKept && len(k.order) > 1 {
		k.drop(k.order[0])
	}
}

// take gives the text of a part, and keeps it no longer.
func (k *kept) take(local, part engram.ChunkID) (text []byte, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text, ok = k.texts[local][part]
	delete(k.texts[local], part)
	k.size -= len(text)
	if ok && len(k.texts[local]) == 0 {
		k.drop(local)
	}
	return text, ok
}

// drop forgets a chunk. The caller holds the lock.
func (k *kept) drop(local engram.ChunkID) {
	for _, text := range k.texts[local] {
		k.size -= len(text)
	}
	delete(k.texts, local)
	k.order = slices.DeleteFunc(k.order, func(id engram.ChunkID) bool { return id == local })
}
