package merge

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// pieced is an entry that was put together, and what is not certain about it.
type pieced struct {
	engram.ChunkEntry
	Doubt
}

// entries are those of all objects, each id once, and the texts of what is no
// entry of engram's.
func (p *unionMergeParser) entries() (found map[engram.ChunkID]pieced, foreign []string) {
	found = map[engram.ChunkID]pieced{}
	for _, f := range p.closed {
		if !f.isEntry() && !f.isManifest() {
			foreign = append(foreign, p.verbatim(f, 0))
		}
		for i := range f.values["id"] {
			e, err := p.entry(f, i)
			if err != nil {
				foreign = append(foreign, p.verbatim(f, i))
				continue
			}
			if before, again := found[e.ID]; again {
				e = before.or(e)
			}
			found[e.ID] = e
		}
	}
	return found, foreign
}

// verbatim is an object as it stands in the text, if it was not glued together.
func (p *unionMergeParser) verbatim(f *frame, i int) string {
	if len(f.values["id"]) <= 1 && f.to > 0 && json.Valid(p.text[f.from:f.to]) {
		return string(p.text[f.from:f.to])
	}
	return string(f.object(i))
}

// withForeign is m with these entries behind its own, each once.
func withForeign(m *engram.Manifest, texts []string) (*engram.Manifest, error) {
	d, err := takeApart(m.Bytes())
	if err != nil {
		return nil, err
	}
	for _, text := range slices.Sorted(slices.Values(texts)) {
		if e := (entryText{text: text}); !hasText(d.entries, e) {
			d.entries = append(d.entries, e)
		}
	}
	return d.manifest()
}

// or is the more certain of two entries for one id; of two that are as certain,
// the first counts, and the second is told.
func (e pieced) or(next pieced) pieced {
	switch {
	case next.Confidence > e.Confidence || next.ChunkEntry == e.ChunkEntry:
		return e
	case next.Confidence == e.Confidence:
		e.Other = next.ChunkEntry
		return e
	}
	next.Other = e.Other
	return next
}

// entry is the one of the i-th id in an object. The lines of our side come
// before those of theirs, so the i-th value belongs to the i-th id, and one that
// is there only once belongs to all.
func (p *unionMergeParser) entry(f *frame, i int) (pieced, error) {
	var idText string
	if err := json.Unmarshal([]byte(f.values["id"][i]), &idText); err != nil {
		return pieced{}, engram.ErrBadChunkID
	}
	id, err := engram.ParseChunkID(idText)
	if err != nil {
		return pieced{}, err
	}
	e, err := engram.ParseEntry(f.object(i))
	whole := len(f.values["id"]) == 1 && f.fits()
	switch {
	case whole:
		return pieced{ChunkEntry: e}, err
	case err != nil || e.ID != id:
		e = engram.ChunkEntry{ID: id, CreatedBy: "unknown", CreatedAt: engram.FormatTime(time.Unix(0, 0))}
	case p.consistent:
		return pieced{e, Doubt{Confidence: Pieced}}, nil
	}
	return pieced{e, Doubt{Confidence: Guessed}}, nil
}

// object has each member once: with its i-th value, or with the last.
func (f *frame) object(i int) []byte {
	var members []string
	for _, name := range f.names {
		values := f.values[name]
		quoted, _ := json.Marshal(name) // a string
		members = append(members, string(quoted)+":"+values[min(i, len(values)-1)])
	}
	return []byte("{" + strings.Join(members, ",") + "}")
}
