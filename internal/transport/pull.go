package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// StoreFunc takes the content of a chunk, reading it to its end.
type StoreFunc = func(*engram.Chunk) error

// ReadChunk asks for a chunk, GET /sync/pull/{id}, and hands its content to
// store as it arrives. Only content that hashes to the id ends with io.EOF. A
// broken connection is resumed. The entry is the one that the pusher sent along,
// nil if there is none: then the server's manifest is all that is known. A chunk
// that an old client re-encoded is a *engram.ReducedError. A project server gives no
// entry, and its chunks are read whole before they are handed on.
func (t *RemoteTransport) ReadChunk(ctx context.Context, id engram.ChunkID, store StoreFunc) (*engram.ChunkEntry, error) {
	if t.Kind() == KindProject {
		return nil, t.readProjectChunk(ctx, "pull chunk "+id.String(), id, store)
	}
	return t.readChunk(ctx, id, func(src *envelope) *engram.Chunk {
		return engram.NewChunk(id, src, t.opts.MaxChunkBytes)
	}, store)
}

// ReadReduced is ReadChunk for a chunk that ReadChunk called reduced: its
// content gets the id that its bytes hash to. Any other content is an error.
func (t *RemoteTransport) ReadReduced(ctx context.Context, id engram.ChunkID, store StoreFunc) error {
	_, err := t.readChunk(ctx, id, func(src *envelope) *engram.Chunk {
		src.mustBeReduced = true
		return engram.AddressChunk(src, t.opts.MaxChunkBytes)
	}, store)
	return err
}

func (t *RemoteTransport) readChunk(
	ctx context.Context, id engram.ChunkID, open func(*envelope) *engram.Chunk, store StoreFunc,
) (*engram.ChunkEntry, error) {
	op := "pull chunk " + id.String()
	ctx = withCall(ctx, &call{mode: bodyResume})
	req, err := t.newRequest(ctx, http.MethodGet, "/sync/pull/"+id.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, requestError(ctx, op, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(ctx, op, resp)
	}
	src := newEnvelope(id, resp.Body)
	chunk := open(src)
	err = store(chunk)
	_ = chunk.Close() // it was read to its end, or is given up
	var mismatch *engram.MismatchError
	switch {
	case errors.As(err, &mismatch) && src.reduced():
		return nil, &engram.ReducedError{ID: id, Actual: mismatch.Actual}
	case src.netErr != nil:
		return nil, requestError(ctx, op, src.netErr)
	case err != nil:
		return nil, err
	case !chunk.Verified():
		return nil, fmt.Errorf("%s: it was not read to its end", op)
	}
	return src.entry(t.opts.Logger), nil
}
