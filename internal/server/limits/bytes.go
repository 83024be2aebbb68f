package limits

import (
	"errors"
	"sync"
)

// ErrTooMuch says that so many bytes are under way that no more are taken. Whoever is told so may
// come again.
var ErrTooMuch = errors.New("too many bytes are under way")

// Bytes counts what waits somewhere, of all and of each party. It is safe for concurrent use.
type Bytes struct {
	all, each int64

	mu      sync.Mutex
	total   int64
	parties map[string]int64
}

// NewBytes makes one for so many bytes of all, and so many of each.
func NewBytes(all, each int64) *Bytes {
	return &Bytes{all: all, each: each, parties: map[string]int64{}}
}

// Take counts n more bytes of a party, or gives ErrTooMuch. Give takes them off again.
func (b *Bytes) Take(name string, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.total+n > b.all || b.parties[name]+n > b.each {
		return ErrTooMuch
	}
	b.total += n
	b.parties[name] += n
	return nil
}

// Give takes n bytes of a party off that Take has counted.
func (b *Bytes) Give(name string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total -= n
	if b.parties[name] -= n; b.parties[name] <= 0 {
		delete(b.parties, name)
	}
}
