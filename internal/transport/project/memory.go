package project

import (
	"context"
	"fmt"
	"io"

	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// Chunks of a project server have to be held whole to be checked: it hashes
// another text than it sends. These bound one, and all of them together.
const (
	maxProjectChunk = 64 << 20
	wholeFactor     = 3 // as it came, parsed, and encoded
	maxWholeBytes   = wholeFactor * maxProjectChunk
	// usualChunk is the size of which most are at most, since clients split
	// larger ones (project-server.md 12). It counts where nothing tells the size.
	usualChunk = 5 << 20
)

// reserve waits until there is memory for a chunk of so many bytes. Nobody waits
// who holds some already, so all get their turn.
func (d *Dialect) reserve(ctx context.Context, size int64) (release func(), err error) {
	weight := min(max(size, 1), maxProjectChunk) * wholeFactor
	if d.memory.Acquire(ctx, weight) != nil {
		return nil, context.Cause(ctx)
	}
	return func() { d.memory.Release(weight) }, nil
}

// readReserved reads a body of size bytes to its end, and holds memory for it
// until release is called. A body that does not tell its size (0), or tells less
// than the truth, gets all there is as soon as it turns out to be a large one.
func (d *Dialect) readReserved(ctx context.Context, r io.Reader, size int64) (body []byte, release func(), err error) {
	if size <= 0 {
		size = usualChunk
	}
	if release, err = d.reserve(ctx, size); err != nil {
		return nil, nil, err
	}
	body, err = io.ReadAll(io.LimitReader(r, size+1))
	if err == nil && int64(len(body)) > size {
		release()
		if release, err = d.reserve(ctx, maxProjectChunk); err != nil {
			return nil, nil, err
		}
		var rest []byte
		rest, err = io.ReadAll(io.LimitReader(r, maxProjectChunk+1-int64(len(body))))
		body = append(body, rest...)
	}
	if err == nil && len(body) > maxProjectChunk {
		err = errChunkTooLarge
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return body, release, nil
}

var errChunkTooLarge = fmt.Errorf("%w: the chunk is larger than %d MiB", httplayer.ErrRefused, maxProjectChunk>>20)
