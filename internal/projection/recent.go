package projection

import (
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxRecent is how many chunks are kept with the text of their parts: enough for
// workers that send the parts of one chunk to make it once.
const maxRecent = 2

// recent are the chunks whose parts were opened last.
type recent struct {
	mu   sync.Mutex
	made []*made
}

// made is a chunk that is made by whoever asks first; others wait for it.
type made struct {
	id    engram.ChunkID
	once  sync.Once
	chunk Chunk
	err   error
}

func (r *recent) get(id engram.ChunkID, make func() (Chunk, error)) (Chunk, error) {
	m := r.find(id)
	m.once.Do(func() { m.chunk, m.err = make() })
	if m.err != nil {
		r.forget(m) // the next one may fare better
	}
	return m.chunk, m.err
}

func (r *recent) find(id engram.ChunkID) *made {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.made {
		if m.id == id {
			return m
		}
	}
	m := &made{id: id}
	r.made = append(r.made, m)
	if len(r.made) > maxRecent {
		r.made = r.made[1:]
	}
	return m
}

func (r *recent) forget(m *made) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made = slices.DeleteFunc(r.made, func(other *made) bool { return other == m })
}
