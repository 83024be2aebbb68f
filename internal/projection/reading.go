package projection

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// reading is a chunk that is worked on, for which there is memory.
type reading struct {
	memory *memory
	chunk  *engram.Chunk
	weight int64 // what counts as held of it
	text   []byte
}

// begin opens a chunk, once there is memory for its text, and for what will be known of its
// rows. patient is that of memory.acquire.
func (d *Directory) begin(ctx context.Context, id engram.ChunkID, patient bool) (*reading, error) {
	c, err := d.open(id)
	if err != nil {
		return nil, err
	}
	r := &reading{memory: d.memory, chunk: c, weight: c.SizeHint + c.SizeHint/4}
	if c.SizeHint <= 0 {
		r.weight = maxHeld // it may be of any size
	}
	if err := d.memory.acquire(ctx, r.weight, patient); err != nil {
		_ = c.Close() // only read
		return nil, err
	}
	return r, nil
}

// document is the chunk, taken apart. It is good until the end.
func (r *reading) document() (document, error) {
	err := r.read()
	_ = r.chunk.Close() // only read
	if err != nil {
		return document{}, err
	}
	doc, err := parseDocument(r.chunk.ID(), r.text)
	if err != nil {
		return doc, damaged(r.chunk.ID(), err)
	}
	return doc, nil
}

func damaged(id engram.ChunkID, err error) error {
	return &engram.DamageError{ID: id, Reason: "its rows cannot be read", Err: err}
}

// read reads a chunk that is not larger than it claims.
func (r *reading) read() error {
	hint := r.chunk.SizeHint
	if hint <= 0 {
		text, err := io.ReadAll(r.chunk)
		r.text = text
		return err
	}
	text := bytes.NewBuffer(r.memory.buffer(int(min(hint, maxHeld)) + bytes.MinRead))
	n, err := text.ReadFrom(io.LimitReader(r.chunk, hint+1))
	if err == nil && n > hint {
		err = &engram.DamageError{ID: r.chunk.ID(), Reason: fmt.Sprintf("its source claims %d bytes, and holds more", hint)}
	}
	r.text = text.Bytes()
	return err
}

// end gives the memory back: no row is looked at any more.
func (r *reading) end() { r.memory.release(r) }

// withDocument has f work on a chunk.
func (d *Directory) withDocument(ctx context.Context, id engram.ChunkID, f func(document) error) error {
	r, err := d.begin(ctx, id, false)
	if err != nil {
		return err
	}
	defer r.end()
	doc, err := r.document()
	if err != nil {
		return err
	}
	if err := f(doc); err != nil {
		return damaged(id, err)
	}
	return nil
}
