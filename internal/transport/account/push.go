package account

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// maxPushBytes is the most that an account server takes in one push, the
// envelope included. Source: account-server.md 1.3.
const maxPushBytes = 52_428_800

// Push sends a chunk once, as it is read. The last byte is held back until the whole
// of it was found good, so that damage on this side aborts the request.
func (d *Dialect) Push(ctx context.Context, call *httplayer.Call, entry engram.ChunkEntry, open protocol.OpenFunc) (httplayer.Outcome, error) {
	sent, err := protocol.Push{
		ID: entry.ID, Yes: "accepted", OtherYes: "ok", Stranger: d.Stranger,
		NewBody: func() (httplayer.Body, error) { return newBody(entry, open) },
	}.Send(ctx, d.Client, call)
	return httplayer.Judge(ctx, err, sent), err
}

// pushBody is the envelope of a push as it is sent: the members before the
// content, the content byte for byte, and the closing brace. The brace is given
// out only after the content was verified to its end. net/http may close a body
// while it reads it, and answer before it has read it: hence the lock.
type pushBody struct {
	id    engram.ChunkID
	chunk *engram.Chunk
	size  int64 // of the members before the content

	mu       sync.Mutex
	head     *bytes.Reader
	read     int64
	complete bool // the brace was given out
	closed   bool
	err      error // of our own side
}

// newBody opens the content and puts the envelope around it. The entry member
// stands before data: whoever reads the envelope as a stream knows the entry first.
func newBody(e engram.ChunkEntry, open protocol.OpenFunc) (httplayer.Body, error) {
	entry, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode the manifest entry: %w", err)
	}
	createdBy, err := json.Marshal(e.CreatedBy)
	if err != nil {
		return nil, fmt.Errorf("encode created_by: %w", err)
	}
	head := fmt.Appendf(nil, `{"chunk_id":"%s","created_by":%s,"engram_sync_entry":%s,"data":`, e.ID, createdBy, entry)
	chunk, err := open()
	if err != nil {
		return nil, err
	}
	b := &pushBody{id: e.ID, chunk: chunk, size: int64(len(head)), head: bytes.NewReader(head)}
	if b.Length() > maxPushBytes {
		return nil, b.refuseLarge()
	}
	return b, nil
}

// refuseLarge says why a chunk that claims to be too large is not sent: it is,
// or its file is damaged and the claim is nonsense.
func (b *pushBody) refuseLarge() error {
	_, err := io.CopyN(io.Discard, b.chunk, maxPushBytes-b.size)
	_ = b.chunk.Close() // only read
	switch {
	case err == nil:
		return &protocol.TooLargeError{ID: b.id, Limit: maxPushBytes}
	case errors.Is(err, io.EOF):
		return &engram.DamageError{ID: b.id, Reason: fmt.Sprintf("it claims to hold %d bytes, and holds %d", b.chunk.SizeHint, b.chunk.Size())}
	}
	return err
}

// Length is that of the whole envelope if the source knows its own; else -1.
func (b *pushBody) Length() int64 {
	if b.chunk.SizeHint <= 0 {
		return -1
	}
	return b.size + b.chunk.SizeHint + 1
}

func (b *pushBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.next(p)
	if b.read += int64(n); b.read > maxPushBytes {
		n, err, b.complete = 0, &protocol.TooLargeError{ID: b.id, Limit: maxPushBytes}, false
	}
	if err != nil && !b.complete && !b.closed {
		b.err = err
	}
	return n, err
}

func (b *pushBody) next(p []byte) (int, error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.closed:
		return 0, errors.New("read after close")
	case b.head.Len() > 0:
		return b.head.Read(p)
	case b.complete:
		return 0, io.EOF
	}
	n, err := b.chunk.Read(p)
	if ownErr := b.check(); ownErr != nil {
		return 0, ownErr
	}
	if !b.chunk.Verified() {
		return n, err
	}
	if n == len(p) {
		return n, nil // no room for the brace: the next Read meets the end again
	}
	p[n] = '}'
	b.complete = true
	return n + 1, nil
}

// check holds the content against what was said of it: a false length would end
// up as the request's, and the right content of another id says nothing of this one.
func (b *pushBody) check() error {
	size, hint, ended := b.chunk.Size(), b.chunk.SizeHint, b.chunk.Verified()
	switch {
	case hint > 0 && (size > hint || ended && size < hint):
		return &engram.DamageError{ID: b.id, Reason: fmt.Sprintf("its source claims %d bytes, which is wrong", hint)}
	case ended && b.chunk.ID() != b.id:
		return &engram.MismatchError{ID: b.id, Actual: b.chunk.ID()}
	}
	return nil
}

func (b *pushBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.chunk.Close()
}

func (b *pushBody) Sent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.complete
}

// Failure is what went wrong on our own side.
func (b *pushBody) Failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
