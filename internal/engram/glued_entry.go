package engram

import (
	"encoding/json"
	"strings"
	"time"
)

// entries are those of all objects, each id once.
func (g *gluer) entries(r *Recovery) ([]ChunkEntry, error) {
	var order []ChunkID
	found := map[ChunkID]ChunkEntry{}
	for _, f := range g.closed {
		for i := range f.values["id"] {
			e, doubt, err := g.entry(f, i)
			if err != nil {
				return nil, err
			}
			before, again := found[e.ID]
			switch {
			case !again:
				order = append(order, e.ID)
			case doubt > r.Doubts[e.ID] || before == e:
				continue
			case doubt == r.Doubts[e.ID]:
				r.Others[e.ID] = e
				continue
			}
			found[e.ID] = e
			delete(r.Doubts, e.ID)
			if doubt > 0 {
				r.Doubts[e.ID] = doubt
			}
		}
	}
	entries := make([]ChunkEntry, len(order))
	for i, id := range order {
		entries[i] = found[id]
	}
	return entries, nil
}

// entry is the one of the i-th id in an object. The lines of our side come
// before those of theirs, so the i-th value belongs to the i-th id, and one that
// is there only once belongs to all.
func (g *gluer) entry(f *frame, i int) (ChunkEntry, Confidence, error) {
	var idText string
	if err := json.Unmarshal([]byte(f.values["id"][i]), &idText); err != nil {
		return ChunkEntry{}, 0, ErrBadChunkID
	}
	id, err := ParseChunkID(idText)
	if err != nil {
		return ChunkEntry{}, 0, err
	}
	var members []string
	for _, name := range f.names {
		values := f.values[name]
		name, err := json.Marshal(name)
		if err != nil {
			return ChunkEntry{}, 0, err
		}
		members = append(members, string(name)+":"+values[min(i, len(values)-1)])
	}
	e, err := ParseEntry([]byte("{" + strings.Join(members, ",") + "}"))
	whole := len(f.values["id"]) == 1 && f.fits()
	garbled := err != nil || e.ID != id
	switch {
	case whole:
		return e, 0, err
	case garbled:
		return ChunkEntry{ID: id, CreatedBy: "unknown", CreatedAt: FormatTime(time.Unix(0, 0))}, Guessed, nil
	case g.consistent:
		return e, Pieced, nil
	}
	return e, Guessed, nil
}
