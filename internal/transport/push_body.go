package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
)

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

// newAccountBody opens the content and puts the envelope around it. The entry member
// stands before data: whoever reads the envelope as a stream knows the entry first.
func (p *push) newAccountBody() (io.ReadCloser, error) {
	entry, err := json.Marshal(p.entry)
	if err != nil {
		return nil, fmt.Errorf("encode the manifest entry: %w", err)
	}
	createdBy, err := json.Marshal(p.entry.CreatedBy)
	if err != nil {
		return nil, fmt.Errorf("encode created_by: %w", err)
	}
	head := fmt.Appendf(nil, `{"chunk_id":"%s","created_by":%s,"engram_sync_entry":%s,"data":`, p.entry.ID, createdBy, entry)
	chunk, err := p.open()
	if err != nil {
		return nil, err
	}
	b := &pushBody{id: p.entry.ID, chunk: chunk, size: int64(len(head)), head: bytes.NewReader(head)}
	if b.length() > maxPushBytes {
		return nil, b.refuseLarge()
	}
	p.last = b
	return b, nil
}

// refuseLarge says why a chunk that claims to be too large is not sent: it is,
// or its file is damaged and the claim is nonsense.
func (b *pushBody) refuseLarge() error {
	_, err := io.CopyN(io.Discard, b.chunk, maxPushBytes-b.size)
	_ = b.chunk.Close() // only read
	switch {
	case err == nil:
		return &TooLargeError{ID: b.id, Limit: maxPushBytes}
	case errors.Is(err, io.EOF):
		return &engram.DamageError{ID: b.id, Reason: fmt.Sprintf("it claims to hold %d bytes, and holds %d", b.chunk.SizeHint, b.chunk.Size())}
	}
	return err
}

// length is that of the whole envelope if the source knows its own; else -1.
func (b *pushBody) length() int64 {
	if b.chunk.SizeHint <= 0 {
		return -1
	}
	return b.size + b.chunk.SizeHint + 1
}

// Read implements io.Reader.
func (b *pushBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.next(p)
	if b.read += int64(n); b.read > maxPushBytes {
		n, err, b.complete = 0, &TooLargeError{ID: b.id, Limit: maxPushBytes}, false
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

// Close implements io.Closer.
func (b *pushBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.chunk.Close()
}

// sent says whether the last byte was given out, so that the server may have
// the whole request.
func (b *pushBody) sent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.complete
}

func (b *pushBody) contentSum() [32]byte { return b.chunk.Sum() }

// failure is what went wrong on our own side, which net/http would bury.
func (b *pushBody) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
