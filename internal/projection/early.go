package projection

import (
	"context"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// early is what a chunk becomes whatever the chunks say that were read after it.
type early struct {
	recognition.Projection
	sessions map[string]Session // as it found them
}

// Early projects chunks in this order, each of which is read once, and gives what one
// becomes as soon as that is known: as long as it depends on nothing that those behind
// it could say. It ends before the first that depends on more, or cannot be read: Chunks
// goes on from there, and knows all the others. So it does where give is false. A chunk is kept
// in memory until its parts were opened, or Forget is called, and no more chunks are read
// than there is room for.
func (d *Directory) Early(ctx context.Context, ids []engram.ChunkID, give func(engram.ChunkID, recognition.Projection) bool) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	sessions := map[string]Session{}
	settled := true
	for u := range d.upcoming(ctx, ids) {
		<-u.looked
		if u.err == nil && !u.known {
			d.cache.Facts[u.id], d.cache.dirty = u.facts, true
		}
		if settled = settled && ctx.Err() == nil && d.settle(u, sessions, give); !settled {
			stop()
		}
		if u.reading != nil { // it is kept for nobody
			u.end()
		}
	}
	d.memory.rest()
	d.cache.save()
}

// Forget says that nobody is about to open the parts that Early gave.
func (d *Directory) Forget(local engram.ChunkID) { d.memory.forget(local) }

// upcoming is a chunk that is read while those before it are projected.
type upcoming struct {
	*reading
	id     engram.ChunkID
	known  bool          // an earlier run has noted its facts
	looked chan struct{} // closed when all below is there

	document document
	facts    facts
	err      error
}

// upcoming begins to read chunks, in order. Whoever takes them ends each.
func (d *Directory) upcoming(ctx context.Context, ids []engram.ChunkID) <-chan *upcoming {
	known := map[engram.ChunkID]facts{} // whoever takes the chunks adds to the cache
	for _, id := range ids {
		if f, ok := d.cache.Facts[id]; ok {
			known[id] = f
		}
	}
	chunks := make(chan *upcoming, d.limit-1)
	go func() {
		defer panics.Guard()
		defer close(chunks)
		for _, id := range ids {
			u := &upcoming{id: id, looked: make(chan struct{})}
			u.facts, u.known = known[id]
			if u.reading, u.err = d.begin(ctx, u.id, true); u.err != nil {
				close(u.looked)
				chunks <- u
				return
			}
			go func() {
				defer panics.Guard()
				defer close(u.looked)
				u.document, u.err = u.reading.document()
				if u.err == nil {
					d.look(u)
				}
			}()
			chunks <- u
		}
	}()
	return chunks
}

func (d *Directory) look(u *upcoming) {
	switch {
	case !u.known:
		u.facts = d.note(u.document)
	case d.Read != nil:
		d.Read(u.id, u.document.text)
	}
}

// settle gives what a chunk becomes, if that is final, and says whether to go on. sessions are those of the chunks
// before it.
func (d *Directory) settle(u *upcoming, sessions map[string]Session, give func(engram.ChunkID, recognition.Projection) bool) bool {
	if u.err != nil || u.facts.Untimed { // which may not count: it can be a restored one, and the true one be here
		return false
	}
	u.facts.addTo(sessions)
	for name := range u.facts.Orphans {
		if !sessions[name].Good {
			return false // it is added for the rows of this chunk, or of another
		}
	}
	e := early{sessions: map[string]Session{}}
	for _, name := range u.facts.names() {
		if s, ok := sessions[name]; ok {
			e.sessions[name] = s
		}
	}
	outlook := &outlook{sessions: e.sessions, open: true}
	m, err := d.opts.project(u.document, outlook, nil, nil)
	if err != nil || outlook.unsure {
		return false
	}
	e.Projection = m.Projection
	d.mu.Lock()
	d.early[u.id] = e
	d.mu.Unlock()
	d.memory.put(u.id, &source{reading: u.reading, parts: m.parts, expected: true}, m.sizes)
	u.reading = nil
	return give(u.id, e.Projection)
}

// known is what Early has found out.
func (d *Directory) known(id engram.ChunkID) (early, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.early[id]
	return e, ok
}

// outlookOf is what counts for a chunk of the sessions of all.
func (d *Directory) outlookOf(id engram.ChunkID) *outlook {
	if e, ok := d.known(id); ok {
		return &outlook{sessions: e.sessions}
	}
	return &outlook{sessions: d.sessions}
}
