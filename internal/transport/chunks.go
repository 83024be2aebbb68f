package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// ReadManifest asks for the manifest of the account, GET /sync/pull, or of the
// project. It is complete every time (account-server.md 3.3), and entries that
// can't be taken stand in its Rejected. An account server's times are those of
// its own clock. It is also the probe for what kind of server this is:
// ErrNoProject and ErrNotEngram tell what is missing.
func (t *RemoteTransport) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	d, sure := t.known()
	if d == nil || !sure && t.opts.Project == "" {
		d = t.account // where no project is known, the kind had better be
	}
	m, err := t.readManifestOf(ctx, d)
	if d != t.account && errors.Is(err, protocol.ErrOtherKind) {
		t.forget()
		d = t.account
		m, err = t.readManifestOf(ctx, d)
	}
	if errors.Is(err, protocol.ErrOtherKind) {
		if err := t.learn(t.project); err != nil {
			return nil, fmt.Errorf("%s: %w", opManifest, err)
		}
		return t.readManifestOf(ctx, t.project)
	}
	return m, err
}

const opManifest = "read the remote manifest"

// readManifestOf asks in one dialect, and learns from the answer.
func (t *RemoteTransport) readManifestOf(ctx context.Context, d dialect) (*engram.Manifest, error) {
	m, err := d.ReadManifest(ctx, opManifest)
	if err != nil {
		return nil, t.recognise(ctx, err)
	}
	if err := t.learn(d); err != nil {
		return nil, fmt.Errorf("%s: %w", opManifest, err)
	}
	if d.PerProject() {
		t.learnVersion(m.Version())
	}
	t.listed.Store(m)
	return m, nil
}

// WriteManifest does nothing: a server keeps its manifest itself, from the
// chunks that it is given.
func (t *RemoteTransport) WriteManifest(context.Context, *engram.Manifest) error { return nil }

// ReadChunk asks for a chunk, GET /sync/pull/{id}, and hands its content to
// store as it arrives. Only content that hashes to the id ends with io.EOF. A
// broken connection is resumed. The entry is the one that the pusher sent along,
// nil if there is none: then the server's manifest is all that is known. A chunk
// that an old client re-encoded is a *engram.ReducedError. A project server gives no
// entry, and its chunks are read whole before they are handed on.
func (t *RemoteTransport) ReadChunk(ctx context.Context, id engram.ChunkID, store StoreFunc) (*engram.ChunkEntry, error) {
	entry, err := t.dialect().ReadChunk(ctx, id, store)
	return entry, t.contradicted(id, err)
}

// contradicted makes a passing fault of a 404 for a chunk that the server itself
// listed: an account server says so while its database starts or stops. Source:
// account-server.md 11.
func (t *RemoteTransport) contradicted(id engram.ChunkID, err error) error {
	status, ok := errors.AsType[*StatusError](err)
	if listed := t.listed.Load(); ok && status.Status == http.StatusNotFound && listed != nil && listed.Has(id) && errors.Is(status, ErrRefused) {
		status.Class = ErrUnavailable
		status.Message += ", although the server lists it"
	}
	return err
}

// ReadReduced is ReadChunk for a chunk that ReadChunk called reduced: its
// content gets the id that its bytes hash to. Any other content is an error. Only
// account servers have such chunks.
func (t *RemoteTransport) ReadReduced(ctx context.Context, id engram.ChunkID, store StoreFunc) error {
	return t.contradicted(id, t.account.ReadReduced(ctx, id, store))
}

// WriteChunk stores a chunk: POST /sync/push. The content goes out as it is read, and
// is checked on the way: the last byte of the request is held back until the
// whole of it was found good, so that damage on this side aborts the request.
// A request whose outcome is uncertain is looked for before anything else is done:
// nil means that the server has these bytes, ErrOutcomeUnknown that nobody
// knows, ErrRefused that it won't take them. A *protocol.OtherIDError is a yes too: a
// project server has the rows, in a form of its own.
func (t *RemoteTransport) WriteChunk(ctx context.Context, entry engram.ChunkEntry, open OpenFunc) error {
	call := &httplayer.Call{Op: "push chunk " + entry.ID.String()}
	var latest *engram.Chunk // whose sum is good once the whole of it was sent
	keep := func() (*engram.Chunk, error) {
		chunk, err := open()
		latest = chunk
		return chunk, err
	}
	err := t.client.Attempts(ctx, call, func() (httplayer.Outcome, error) {
		outcome, err := t.dialect().Push(ctx, call, entry, keep)
		if err == nil {
			t.settling.close()
		}
		if outcome != httplayer.Uncertain {
			return outcome, err
		}
		_, again, settled := t.settle(ctx, call.Op, entry.ID, latest.Sum(), err)
		if again {
			return httplayer.Unapplied, err
		}
		return httplayer.Final, settled
	})
	err = t.full(t.recheck(ctx, t.doubt(ctx, noChunk, err)))
	t.learnLimit(err)
	return err
}
