package projection

import "github.com/engram-sync/engram-sync/internal/engram"

// place is a part of a chunk.
type place struct {
	id   engram.ChunkID
	part int
}

// orderer finds for each part the wave in which it can be sent: after the parts
// that bring the sessions which it needs. Where parts need each other, one of
// them goes first, and the server decides.
type orderer struct {
	chunks    map[engram.ChunkID]Chunk
	providers map[string][]place
	waves     map[place]int
	underWay  map[place]bool
}

// order sets the waves of all parts.
func order(chunks map[engram.ChunkID]Chunk) {
	o := &orderer{chunks: chunks, providers: map[string][]place{}, waves: map[place]int{}, underWay: map[place]bool{}}
	for id, c := range chunks {
		for i, p := range c.Parts {
			for _, session := range p.Provides {
				o.providers[session] = append(o.providers[session], place{id, i})
			}
		}
	}
	for id, c := range chunks {
		c.Waves = make([]int, len(c.Parts))
		for i := range c.Parts {
			c.Waves[i] = o.wave(place{id, i})
		}
		chunks[id] = c
	}
}

func (o *orderer) wave(at place) int {
	if wave, ok := o.waves[at]; ok {
		return wave
	}
	o.underWay[at] = true
	defer delete(o.underWay, at)
	wave := 0
	for _, session := range o.chunks[at.id].Parts[at.part].Needs {
		if first, ok := o.first(session); ok {
			wave = max(wave, first+1)
		}
	}
	o.waves[at] = wave
	return wave
}

// first is the lowest wave of the parts that bring a session. ok is false where
// none does, or only such as wait for this one.
func (o *orderer) first(session string) (wave int, ok bool) {
	for _, from := range o.providers[session] {
		if o.underWay[from] {
			continue
		}
		if w := o.wave(from); !ok || w < wave {
			wave, ok = w, true
		}
	}
	return wave, ok
}
