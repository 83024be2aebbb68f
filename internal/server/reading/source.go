package reading

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/server/pushbody"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

const (
	// maxChunks bounds the list of an account's chunks, which is in memory whole while an index is brought up to date.
	maxChunks = 100_000
	// maxRows bounds the rows of a chunk, which are so as well: 50 MB of empty ones would be gigabytes.
	maxRows = 50_000
	// maxAllRows bounds those of all chunks: the versions of one memory are in memory to find the newest.
	maxAllRows = 500_000
	// largeBytes is from where on chunks are large: one of a few MB takes a second to be indexed.
	largeBytes = 2 << 20
	// maxBytes bounds a chunk that is read: all of it is in memory several times, and its words take a minute to be indexed.
	maxBytes = 16 << 20
)

var errLargeChunk = fmt.Errorf("it has more than %d MB, which is more than pages can show", maxBytes>>20)

var errManyChunks = fmt.Errorf("the account has more than %d chunks, which is more than pages can show", maxChunks)

// source is the chunks of an account as an index wants them.
type source struct {
	chunks store.Chunks
	userID string
	work   func(ctx context.Context, userID string) (leave func(), err error)
	// large, if set, gives a turn for a large chunk.
	large func(ctx context.Context, userID string) (leave func(), err error)
}

// State implements memoryindex.Source.
func (s source) State(ctx context.Context) (string, error) {
	return s.chunks.ManifestTag(ctx, s.userID)
}

// Chunks implements memoryindex.Source. Ids that only differ from others in their letter case are of no release of engram; they
// are left out, as everywhere else.
func (s source) Chunks(ctx context.Context) (chunks []memoryindex.Chunk, err error) {
	leave, err := s.work(ctx, s.userID)
	if err != nil {
		return nil, err
	}
	defer leave()
	_, err = s.chunks.Manifest(ctx, s.userID, func(e store.ChunkEntry) error {
		id, err := engram.ParseChunkID(e.ID)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		if len(chunks) == maxChunks {
			return errManyChunks
		}
		at := e.CreatedAt.UTC().Format(time.RFC3339Nano) // also of a replacement, which has to be read
		chunks = append(chunks, memoryindex.Chunk{Listed: true, Stamp: at, ChunkEntry: engram.ChunkEntry{
			ID: id, CreatedBy: e.CreatedBy, CreatedAt: at, Sessions: e.Sessions, Memories: e.Memories, Prompts: e.Prompts,
		}})
		return nil
	})
	return chunks, err
}

// Read implements memoryindex.Source. What an old client has left of a chunk, which cannot hash to its id, is all that there is.
func (s source) Read(ctx context.Context, id engram.ChunkID, read func(*engram.Chunk) error) error {
	err := s.read(ctx, id, engram.NewChunk, read)
	if _, other := errors.AsType[*engram.MismatchError](err); other {
		err = s.read(ctx, id, func(_ engram.ChunkID, src io.ReadCloser, limit int64) *engram.Chunk {
			return engram.AddressChunk(src, limit)
		}, read)
	}
	return err
}

func (s source) read(ctx context.Context, id engram.ChunkID, open func(engram.ChunkID, io.ReadCloser, int64) *engram.Chunk, read func(*engram.Chunk) error) error {
	body, size, err := s.body(ctx, id)
	if err != nil {
		return err
	}
	if size > maxBytes {
		return errLargeChunk
	}
	if s.large != nil && size > largeBytes {
		leave, err := s.large(ctx, s.userID)
		if err != nil {
			return err
		}
		defer leave()
	}
	return read(open(id, pushbody.NewData(body, maxRows), engram.DefaultMaxChunkBytes))
}

// body is what was pushed of a chunk, and its size.
func (s source) body(ctx context.Context, id engram.ChunkID) (body io.Reader, size int64, err error) {
	b, err := s.chunks.OpenChunk(ctx, s.userID, id.String())
	if err != nil {
		return nil, 0, err
	}
	if size, err = b.Seek(0, io.SeekEnd); err == nil {
		_, err = b.Seek(0, io.SeekStart)
	}
	return b, size, err
}
