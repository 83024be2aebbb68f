package projection

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// made is what a chunk becomes.
type made struct {
	recognition.Projection
	parts map[engram.ChunkID]document
	sizes map[engram.ChunkID]int64 // of their texts
}

// make projects one chunk, and keeps it for its parts. fresh says that some are opened at once.
func (d *Directory) make(ctx context.Context, id engram.ChunkID, fresh bool) (made, error) {
	r, err := d.begin(ctx, id, false)
	if err != nil {
		return made{}, err
	}
	var there *recognition.RowSet
	if d.supplements[id] {
		there = d.there
	}
	doc, err := r.document()
	var m made
	if err == nil {
		if m, err = d.opts.project(doc, d.outlookOf(id), d.stubs[id], there); err != nil {
			err = damaged(id, err)
		}
	}
	if err != nil {
		r.end()
		return m, err
	}
	d.memory.put(id, &source{reading: r, parts: m.parts, fresh: fresh}, m.sizes)
	return m, nil
}

// project projects one chunk.
func (o Options) project(doc document, sessions *outlook, stubbed map[string]string, there *recognition.RowSet) (made, error) {
	m := made{parts: map[engram.ChunkID]document{}, sizes: map[engram.ChunkID]int64{}}
	s, err := o.choose(doc, sessions, there)
	if err != nil || sessions.unsure {
		return m, err
	}
	stubs := o.stubs(stubbed)
	m.Projection = recognition.Projection{LeftOut: s.leftOut, Filled: slices.Concat(s.filled, stubs.filled), Personal: s.personal, Unjudged: s.unjudged, Foreign: s.foreign}
	for _, s := range []selection{stubs, s} {
		if there != nil {
			s.dropHeld(there, o)
		}
		if err := o.split(s, &m); err != nil {
			return m, err
		}
	}
	if there != nil && len(m.Parts) == 0 {
		m.Filled = nil // it was, when it went
	}
	return m, nil
}

// OpenPart gives the content of a part, for which its chunk is read again if it is not at
// hand. Chunks was called before, or Early gave the part. Nothing is made before it is read.
func (d *Directory) OpenPart(ctx context.Context, local, part engram.ChunkID) (*engram.Chunk, error) {
	size, ok := d.memory.size(local, part)
	if !ok {
		var err error
		if size, err = d.remake(ctx, local, part, false); err != nil {
			return nil, err
		}
	}
	chunk := engram.NewChunk(part, &partReader{open: func() (document, func(), error) { return d.use(ctx, local, part) }, opts: d.opts}, size)
	chunk.SizeHint = size
	return chunk, nil
}

// partReader writes the text of a part while it is read. Its chunk is held until that has ended,
// or it is closed.
type partReader struct {
	open func() (doc document, done func(), err error)
	opts Options

	piece []byte
	next  func() ([]byte, error, bool)
	end   func()
}

func (r *partReader) Read(p []byte) (int, error) {
	if r.next == nil {
		doc, done, err := r.open()
		if err != nil {
			return 0, err
		}
		next, stop := iter.Pull2(r.opts.form().PushPieces(doc.source(), r.opts.Project))
		r.next, r.end = next, sync.OnceFunc(func() { stop(); done() })
	}
	for len(r.piece) == 0 {
		piece, err, ok := r.next()
		switch {
		case err != nil:
			return 0, err
		case !ok:
			r.end()
			return 0, io.EOF
		}
		r.piece = piece
	}
	n := copy(p, r.piece)
	r.piece = r.piece[n:]
	return n, nil
}

func (r *partReader) Close() error {
	if r.end != nil {
		r.end()
	}
	return nil
}

// use gives a part to be written, and done to end that.
func (d *Directory) use(ctx context.Context, local, part engram.ChunkID) (doc document, done func(), err error) {
	for {
		if doc, done, ok := d.memory.use(local, part); ok {
			return doc, done, nil
		}
		if _, err := d.remake(ctx, local, part, true); err != nil {
			return doc, nil, err
		}
	}
}

// remake reads a chunk again, once for all who want parts of it at the same time, and gives the
// size of a part.
func (d *Directory) remake(ctx context.Context, local, part engram.ChunkID, fresh bool) (int64, error) {
	_, err, _ := d.making.Do(local.String(), func() (any, error) {
		_, err := d.make(ctx, local, fresh)
		return nil, err
	})
	if err != nil {
		return 0, err
	}
	size, ok := d.memory.size(local, part)
	if !ok {
		return 0, fmt.Errorf("chunk %s: it has changed while it was read: run the command again", local)
	}
	return size, nil
}
