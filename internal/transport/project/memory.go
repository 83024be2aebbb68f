package project

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// Chunks of a project server have to be held whole to be checked: it hashes
// another text than it sends. These bound one, and all of them together.
const (
	maxProjectChunk = 64 << 20
	// usualChunk is the size of which most are at most, since clients split
	// larger ones (project-server.md 12). It counts where nothing tells the size.
	usualChunk = 5 << 20
)

// pulled is how much is in memory at once of a chunk that is pulled, of so many bytes: what
// came, and what is made of it, for which there is more room than it mostly takes.
func pulled(size int64) int64 { return 2*size + size/8 }

// maxPushed bounds the envelopes that are on their way. A larger one goes alone: there is
// nothing else of it in memory than itself.
const maxPushed = 18 << 20

// reserve waits until there is memory for so many bytes, or all of it. Nobody waits
// who holds some already, so all get their turn.
func reserve(ctx context.Context, memory *semaphore.Weighted, most, size int64) (release func(), err error) {
	size = min(max(size, 1), most)
	if memory.Acquire(ctx, size) != nil {
		return nil, context.Cause(ctx)
	}
	return func() { memory.Release(size) }, nil
}

func (d *Dialect) reservePull(ctx context.Context, size int64) (release func(), err error) {
	return reserve(ctx, d.pulling, pulled(maxProjectChunk), pulled(size))
}

// readReserved reads a body of size bytes to its end, and holds memory for it
// until release is called. A body that does not tell its size (0), or tells less
// than the truth, gets all there is as soon as it turns out to be a large one.
func (d *Dialect) readReserved(ctx context.Context, r io.Reader, size int64) (body []byte, release func(), err error) {
	if size <= 0 {
		size = usualChunk
	}
	if release, err = d.reservePull(ctx, size); err != nil {
		return nil, nil, err
	}
	var text bytes.Buffer
	text.Grow(int(min(size, maxProjectChunk)) + bytes.MinRead)
	_, err = text.ReadFrom(io.LimitReader(r, size+1))
	if err == nil && int64(text.Len()) > size {
		release()
		if release, err = d.reservePull(ctx, maxProjectChunk); err != nil {
			return nil, nil, err
		}
		_, err = text.ReadFrom(io.LimitReader(r, maxProjectChunk+1-int64(text.Len())))
	}
	if err == nil && text.Len() > maxProjectChunk {
		err = errChunkTooLarge
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return text.Bytes(), release, nil
}

var errChunkTooLarge = fmt.Errorf("%w: the chunk is larger than %d MiB", httplayer.ErrRefused, maxProjectChunk>>20)

// maxSpare is how many buffers of envelopes wait to be used again, and how large one may be:
// large ones are gone sooner than they are collected.
const (
	maxSpare     = 4
	maxSpareSize = 8 << 20
)

// buffer gives an empty one for so many bytes.
func (d *Dialect) buffer(size int) []byte {
	select {
	case text := <-d.spares:
		if cap(text) >= size {
			return text[:0]
		}
	default:
	}
	return make([]byte, 0, size+size/16) // so that a slightly larger one finds room in it
}

// reuse takes a buffer back.
func (d *Dialect) reuse(text []byte) {
	if cap(text) > maxSpareSize {
		return
	}
	select {
	case d.spares <- text:
	default:
	}
}

// body is a text that is on its way until it is closed, and not read after that.
func (d *Dialect) body(text []byte) httplayer.Body {
	body := httplayer.TextBody(text)
	body.ReadCloser = &sentText{Reader: bytes.NewReader(text), end: sync.OnceFunc(func() { d.reuse(text) })}
	return body
}

type sentText struct {
	io.Reader
	end func()
}

func (s *sentText) Close() error {
	s.Reader = bytes.NewReader(nil)
	s.end()
	return nil
}
