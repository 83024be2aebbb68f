package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// ReadChunk asks for a chunk, GET /sync/pull/{id}, and hands its content to
// store as it arrives.
func (d *Dialect) ReadChunk(ctx context.Context, id engram.ChunkID, store protocol.StoreFunc) (*engram.ChunkEntry, error) {
	return d.readChunk(ctx, id, func(src *envelope) *engram.Chunk {
		return engram.NewChunk(id, src, d.MaxChunkBytes)
	}, store)
}

// ReadReduced is ReadChunk for a chunk that ReadChunk called reduced.
func (d *Dialect) ReadReduced(ctx context.Context, id engram.ChunkID, store protocol.StoreFunc) error {
	_, err := d.readChunk(ctx, id, func(src *envelope) *engram.Chunk {
		src.mustBeReduced = true
		return engram.AddressChunk(src, d.MaxChunkBytes)
	}, store)
	return err
}

func (d *Dialect) readChunk(
	ctx context.Context, id engram.ChunkID, open func(*envelope) *engram.Chunk, store protocol.StoreFunc,
) (*engram.ChunkEntry, error) {
	call := &httplayer.Call{Op: "pull chunk " + id.String()}
	resp, err := d.Client.Get(ctx, call, "/sync/pull/"+id.String(), "")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // its content has been judged
	src := newEnvelope(id, resp.Body)
	src.mayBeCut = httplayer.MayBeCut(resp)
	chunk := open(src)
	err = store(chunk)
	mismatch, isOther := errors.AsType[*engram.MismatchError](err)
	switch {
	case isOther && src.reduced():
		return nil, &engram.ReducedError{ID: id, Actual: mismatch.Actual}
	case src.netErr != nil:
		return nil, call.NoAnswer(ctx, src.netErr)
	case err != nil:
		return nil, err
	case !chunk.Verified():
		return nil, fmt.Errorf("%s: it was not read to its end", call.Op)
	}
	return src.entry(d.Logger), nil
}

// codeProjectRequired is how a project server refuses a request without a project.
const codeProjectRequired = "upgrade_blocked_project_required"

// ReadManifest asks for the manifest of the account. Its times are those of the
// server's clock. A project server, which wants a project, is an ErrOtherKind.
// Source: project-server.md 5.
func (d *Dialect) ReadManifest(ctx context.Context, op string) (*engram.Manifest, error) {
	m, err := protocol.ReadManifest(ctx, d.Client, op, "", d.Lists)
	return m, otherKind(err, codeProjectRequired)
}

// otherKind makes an ErrOtherKind of a 400 with a code that only the other kind has.
func otherKind(err error, code string) error {
	if status, ok := errors.AsType[*httplayer.StatusError](err); ok && status.Status == http.StatusBadRequest && status.Code == code {
		return fmt.Errorf("%w (%w)", protocol.ErrOtherKind, err)
	}
	return err
}
