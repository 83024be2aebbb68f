package projection

import (
	"context"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxHeld bounds what is in memory of all chunks at the same time, in bytes: the texts of those
// that are worked on, and of those of whose parts some have not been opened, with what is
// known of their rows. A chunk that takes more is worked on alone.
const maxHeld = 72 << 20

// memory counts what is held of chunks, and keeps chunks whose parts have not been opened, as
// long as there is room, so that one need not be read again for each of its parts. It is safe
// for concurrent use.
type memory struct {
	mu      sync.Mutex
	held    int64
	waiting []*claim // in the order in which they came

	kept  map[engram.ChunkID]*source
	order []engram.ChunkID                            // of those, the oldest first
	sizes map[engram.ChunkID]map[engram.ChunkID]int64 // of all parts that were made
	spare []byte
}

// source is a chunk that was read, with the parts that it becomes.
type source struct {
	*reading
	parts map[engram.ChunkID]document

	// The rest belongs to memory.
	unopened map[engram.ChunkID]bool
	expected bool // somebody is about to open the parts, in his own time
	fresh    bool // or at once
	users    int  // who write one
	dropped  bool // nobody else finds it
}

// claim is somebody who waits for memory.
type claim struct {
	size    int64
	patient bool // waits until expected parts were opened, for which else their chunk is read again
	granted chan struct{}
}

func newMemory() *memory {
	return &memory{kept: map[engram.ChunkID]*source{}, sizes: map[engram.ChunkID]map[engram.ChunkID]int64{}}
}

// acquire waits until there is room for so many bytes. Chunks that are kept make room.
func (m *memory) acquire(ctx context.Context, size int64, patient bool) error {
	c := &claim{size: size, patient: patient, granted: make(chan struct{})}
	m.mu.Lock()
	m.waiting = append(m.waiting, c)
	m.grant()
	m.mu.Unlock()
	select {
	case <-c.granted:
		return nil
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := slices.Index(m.waiting, c); at >= 0 {
		m.waiting = slices.Delete(m.waiting, at, at+1)
	} else {
		m.held -= size
	}
	m.grant()
	return context.Cause(ctx)
}

// release gives back what was acquired for a chunk.
func (m *memory) release(r *reading) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free(r)
	m.grant()
}

// free lets go of a chunk. The caller holds the lock.
func (m *memory) free(r *reading) {
	if m.held -= r.weight; cap(r.text) >= largeText && cap(r.text) <= maxHeld {
		m.spare = r.text
	}
}

// largeText is the size from which a buffer is used again: a new one for each chunk would
// be there before the last one is collected.
const largeText = 8 << 20

// buffer gives an empty one for so many bytes.
func (m *memory) buffer(size int) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size >= largeText && size <= cap(m.spare) {
		spare := m.spare
		m.spare = nil
		return spare[:0]
	}
	return make([]byte, 0, size+size/64) // so that a slightly larger one finds room in it
}

// rest says that no more chunks come for now.
func (m *memory) rest() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spare = nil
}

// grant lets those go on for whom there is room. One who is patient holds up nobody who
// is not: these are the ones who open what he waits for. The caller holds the lock.
func (m *memory) grant() {
	for _, c := range slices.Clone(m.waiting) {
		switch {
		case m.makeRoom(c):
			m.held += c.size
			m.waiting = slices.DeleteFunc(m.waiting, func(other *claim) bool { return other == c })
			close(c.granted)
		case !c.patient:
			return
		}
	}
}

// makeRoom says whether there is room for a claim, once no more is kept than has to be.
func (m *memory) makeRoom(c *claim) bool {
	fits := func(spare int64) bool { return m.held == spare || m.held-spare+c.size <= maxHeld }
	var spare int64
	var idle []engram.ChunkID
	for _, local := range m.order {
		if s := m.kept[local]; s.users == 0 && !s.fresh && (!c.patient || !s.expected) {
			idle, spare = append(idle, local), spare+s.weight
		}
	}
	if !fits(spare) {
		return false
	}
	for len(idle) > 0 && !fits(0) {
		m.drop(idle[0])
		idle = idle[1:]
	}
	return true
}

// put keeps a chunk that was worked on, with what was acquired for it, until its parts were opened.
func (m *memory) put(local engram.ChunkID, s *source, sizes map[engram.ChunkID]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(local)
	s.unopened = make(map[engram.ChunkID]bool, len(s.parts))
	for part := range s.parts {
		s.unopened[part] = true
	}
	m.sizes[local] = sizes
	m.kept[local], m.order = s, append(m.order, local)
	m.settle(local, s)
	m.grant()
}

// forget says that nobody is about to open what is left of the parts of a chunk.
func (m *memory) forget(local engram.ChunkID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.kept[local]; s != nil {
		s.expected = false
		m.grant()
	}
}

// use gives a part of a chunk that is kept, to be written: done ends that.
func (m *memory) use(local, part engram.ChunkID) (doc document, done func(), ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.kept[local]
	if s == nil {
		return document{}, nil, false
	}
	s.fresh = false
	if doc, ok = s.parts[part]; !ok {
		m.settle(local, s)
		return document{}, nil, false
	}
	s.users++
	return doc, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		s.users--
		delete(s.unopened, part)
		m.settle(local, s)
		m.grant()
	}, true
}

// size is that of the text of a part, if it has been made.
func (m *memory) size(local, part engram.ChunkID) (n int64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok = m.sizes[local][part]
	return n, ok
}

// settle lets go of a chunk of which nobody wants more. The caller holds the lock.
func (m *memory) settle(local engram.ChunkID, s *source) {
	switch {
	case s.users > 0:
	case s.dropped:
		m.free(s.reading)
	case len(s.unopened) == 0:
		m.drop(local)
	}
}

// drop keeps a chunk no longer. The caller holds the lock.
func (m *memory) drop(local engram.ChunkID) {
	s := m.kept[local]
	if s == nil {
		return
	}
	delete(m.kept, local)
	m.order = slices.DeleteFunc(m.order, func(id engram.ChunkID) bool { return id == local })
	s.dropped = true
	m.settle(local, s)
}
