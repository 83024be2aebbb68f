package syncer

import (
	"context"
	"errors"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// forms tells which chunks of a pull the remote lists by two ids: a project server that
// was upgraded does, where somebody has sent a chunk again in its later form. Source:
// engram-2.md 4.4.
type forms struct {
	last  map[engram.ChunkID]bool           // of the chunks there of which the lists say the same, the one listed last
	came  []engram.ChunkID                  // those of them that are here by now
	known map[engram.ChunkID]engram.ChunkID // what is here, by its other ids; nil while nobody asked
	open  bool                              // one of them comes once all was seen, or never
}

// holdForms lets what may be another form of a chunk wait for that: the form that came
// last has all that the others have, and its other ids can be computed.
func (p *puller) holdForms(items []Item) {
	if p.asked.Projector == nil || p.There.Version() < 2 { // which has known one form only
		return
	}
	p.forms.last = map[engram.ChunkID]bool{}
	seen := map[engram.ChunkEntry]engram.ChunkID{}
	for i := len(items) - 1; i >= 0; i-- {
		listed, _ := p.There.Entry(items[i].Remote)
		said := engram.ChunkEntry{
			CreatedBy: listed.CreatedBy, CreatedAt: listed.CreatedAt, Sessions: listed.Sessions, Memories: listed.Memories, Prompts: listed.Prompts,
		}
		if last, ok := seen[said]; ok {
			items[i].Stage, p.forms.last[last] = 1, true
		} else {
			seen[said] = items[i].Remote
		}
	}
}

// noteForm remembers what others may be a form of.
func (p *puller) noteForm(item Item, out outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.forms.last[item.Remote]:
	case out.err == nil:
		p.forms.came = append(p.forms.came, out.local)
	case errors.Is(out.err, errOpen):
		p.forms.open = true
	}
}

// waitsForForm says that what an item may be another form of was left for when all was seen.
func (p *puller) waitsForForm(item Item) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return item.Stage > 0 && p.forms.open
}

// formOf gives the chunk that is here of which an item is another form. What cannot be
// told is pulled.
func (p *puller) formOf(ctx context.Context, item Item) (engram.ChunkID, bool) {
	if item.Stage == 0 {
		return engram.ChunkID{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forms.known == nil {
		p.forms.known = map[engram.ChunkID]engram.ChunkID{}
		also, _ := p.asked.Projector.Also(ctx, p.forms.came)
		for local, others := range also {
			for _, id := range others {
				p.forms.known[id] = local
			}
		}
	}
	local, ok := p.forms.known[item.Remote]
	return local, ok
}
