package httplayer

import (
	"errors"
	"io"
	"sync"
)

// textBody is a body that is in memory as a whole. net/http may read it while
// the answer is judged already: hence the lock.
type textBody struct {
	size int64

	mu      sync.Mutex
	rest    []byte
	stopped bool
}

// TextBody makes a body of a text.
func TextBody(text []byte) Body { return &textBody{size: int64(len(text)), rest: text} }

// Read implements io.Reader.
func (b *textBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stopped:
		return 0, errors.New("read after close")
	case len(b.rest) == 0:
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (b *textBody) Close() error {
	b.Sent()
	return nil
}

// Sent gives out no more, so that its word stays true.
func (b *textBody) Sent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	return len(b.rest) == 0
}

func (b *textBody) Failure() error { return nil }

func (b *textBody) Length() int64 { return b.size }
