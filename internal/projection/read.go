package projection

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/engram-sync/engram-sync/internal/engram"
)

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
	doc, err := parseDocument(data)
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
