package project

import (
	"errors"
	"net/http"
	"sync"

	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// capabilities are what a server has shown of what it can do.
type capabilities struct {
	mu    sync.Mutex
	limit int64 // of a push in bytes; 0 until it told
	gzip  gzipUse
}

// gzipUse is whether pushes go out compressed.
type gzipUse int

const (
	gzipUnknown gzipUse = iota
	gzipShown           // the server gave a compressed chunk
	gzipRefused         // it refused one, which counts from then on
)

// learnLimit remembers the limit that the server named, if it did.
func (c *capabilities) learnLimit(limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if limit > 0 {
		c.limit = limit
	}
}

// pushLimit is the largest push that the server takes; 0 if that is unknown.
func (c *capabilities) pushLimit() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit
}

// showsGzip remembers that the server knows compressed envelopes.
func (c *capabilities) showsGzip() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gzip == gzipUnknown {
		c.gzip = gzipShown
	}
}

func (c *capabilities) refuseGzip() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gzip = gzipRefused
}

func (c *capabilities) takesGzip() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gzip == gzipShown
}

// refusesGzip says whether an answer is that of a server that does not know
// compressed envelopes.
func refusesGzip(err error) bool {
	var status *httplayer.StatusError
	return errors.As(err, &status) && (status.Status == http.StatusBadRequest || status.Status == http.StatusUnsupportedMediaType)
}
