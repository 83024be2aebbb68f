package projection

import "github.com/engram-sync/engram-sync/internal/engram"

// place is a part of a chunk.
type place struct {
	id   engram.ChunkID
	part int
}

// orderer finds for each part the stage in which it can be sent: after the parts
// that bring the sessions which it needs. Where parts need each other, one of
// them goes first, and the server decides.
type orderer struct {
	chunks    map[engram.ChunkID]Chunk
	providers map[string][]place
	stages    map[place]int
	underWay  map[place]bool
}

// order sets the stages of all parts.
func order(chunks map[engram.ChunkID]Chunk) {
	o := &orderer{chunks: chunks, providers: map[string][]place{}, stages: map[place]int{}, underWay: map[place]bool{}}
	for id, c := range chunks {
		for i, p := range c.Parts {
			for _, session := range p.Provides {
				o.providers[session] = append(o.providers[session], place{id, i})
			}
		}
	}
	for id, c := range chunks {
		c.Stages = make([]int, len(c.Parts))
		for i := range c.Parts {
			c.Stages[i] = o.stage(place{id, i})
		}
		chunks[id] = c
	}
}

func (o *orderer) stage(at place) int {
	if stage, ok := o.stages[at]; ok {
		return stage
	}
	o.underWay[at] = true
	defer delete(o.underWay, at)
	stage := 0
	for _, session := range o.chunks[at.id].Parts[at.part].Needs {
		if first, ok := o.first(session); ok {
			stage = max(stage, first+1)
		}
	}
	o.stages[at] = stage
	return stage
}

// first is the lowest stage of the parts that bring a session. ok is false where
// none does, or only such as wait for this one.
func (o *orderer) first(session string) (stage int, ok bool) {
	for _, from := range o.providers[session] {
		if o.underWay[from] {
			continue
		}
		if w := o.stage(from); !ok || w < stage {
			stage, ok = w, true
		}
	}
	return stage, ok
}
