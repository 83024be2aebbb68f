package transport_test

import (
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// openings counts how often a chunk was opened and closed.
type openings struct {
	chunk testChunk

	mu             sync.Mutex
	opened, closed int
}

func (o *openings) open() (*engram.Chunk, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened++
	chunk, err := o.chunk.sized()
	if err != nil {
		return nil, err
	}
	counted := engram.NewChunk(o.chunk.id(), &closeCounter{Reader: chunk, openings: o}, 1<<30)
	counted.SizeHint = chunk.SizeHint
	return counted, nil
}

// left is how many chunks are open.
func (o *openings) left() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opened - o.closed
}

// count is how often the chunk was opened.
func (o *openings) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opened
}

// closeCounter counts the first of its closes.
type closeCounter struct {
	io.Reader
	openings *openings
	once     sync.Once
}

func (c *closeCounter) Close() error {
	c.once.Do(func() {
		c.openings.mu.Lock()
		defer c.openings.mu.Unlock()
		c.openings.closed++
	})
	return nil
}

// allClosed waits until every chunk is closed: net/http closes a body when it
// is done with it, which may be after it gave the answer.
func (o *openings) allClosed(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); o.left() != 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d chunks were left open", o.left(), o.count())
		}
	}
}
