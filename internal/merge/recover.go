package merge

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// ErrTangled is the cause in a ManifestError where git's conflict markers do
// not pair up, so that the two sides cannot be told apart.
var ErrTangled = errors.New("conflict markers that do not pair up")

// Confidence is how far a recovered entry can be trusted, besides its id.
type Confidence int

// The kinds of confidence, each less than the one before.
const (
	// Certain: the text has it so.
	Certain Confidence = iota
	// Pieced: it was put together from the members of an object that had those
	// of several entries. What can be checked in it should be.
	Pieced
	// Guessed: only the id is certain.
	Guessed
)

// Doubt is what the text leaves open about an entry.
type Doubt struct {
	Confidence Confidence
	// Other is the other entry of an id that has two; else it has no id.
	Other engram.ChunkEntry
}

// Recovery is what could be read out of a manifest that a merge has spoiled.
type Recovery struct {
	// Text is what it was read from.
	Text []byte
	// Manifest has an entry for every id that the text names, and what is no
	// entry of engram's as it was.
	Manifest *engram.Manifest
	// Cause says why the text is no manifest; nil if it is one.
	Cause error
	// Doubts are about the entries that the text does not have as a whole, or twice.
	Doubts map[engram.ChunkID]Doubt
}

func (r *Recovery) note(id engram.ChunkID, d Doubt) {
	if d != (Doubt{}) {
		r.Doubts[id] = d
	}
}

// Recover reads the text of a manifest, also if git's conflict markers
// are in it, of any style, or if git's union merge has glued entries together.
// Whatever else is wrong is the *ManifestError of ParseManifest.
func Recover(text []byte) (Recovery, error) { return recoverManifest(text, 0) }

// ErrUnmerged is the cause of what was recovered from the sides of an unfinished merge.
var ErrUnmerged = errors.New("git has not finished its merge, whose sides its index has: the union of them, for `git add`")

// RecoverUnmerged is Recover for a text that git has not finished merging: with the three
// sides of that. What of all this is no manifest says nothing, and an entry that any
// has stays, unless the text was good, and has them all.
func RecoverUnmerged(text, base, ours, theirs []byte) (Recovery, error) {
	here, err := Recover(text)
	var all []Recovery
	for _, side := range [][]byte{ours, theirs} {
		if r, err := Recover(side); err == nil {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return here, err
	}
	if err == nil {
		all = append(all, here)
	}
	union := all[0]
	for _, next := range all[1:] {
		var unionErr error
		if union, unionErr = uniteRecoveries(base, union, next, ErrUnmerged); unionErr != nil {
			return here, err
		}
	}
	if err == nil && here.Cause == nil && sameEntries(union.Manifest, here.Manifest) {
		return here, nil
	}
	union.Text, union.Cause = text, ErrUnmerged
	return union, nil
}

// sameEntries says whether two manifests have the same entries, in whatever order.
func sameEntries(a, b *engram.Manifest) bool {
	byID := func(m *engram.Manifest) []engram.ChunkEntry {
		return slices.SortedFunc(slices.Values(m.Entries()), func(a, b engram.ChunkEntry) int { return a.ID.Compare(b.ID) })
	}
	return a.Version() == b.Version() && slices.Equal(byID(a), byID(b)) && len(a.Rejected()) == len(b.Rejected())
}

// maxNested is how many conflicts can lie in one another. Each one more doubles
// the work.
const maxNested = 4

func recoverManifest(text []byte, depth int) (Recovery, error) {
	m, err := engram.ParseManifest(text)
	if err == nil {
		return Recovery{Text: text, Manifest: m}, nil
	}
	var r Recovery
	bom := err
	switch {
	case errors.Is(err, engram.ErrBOM):
		r, err = recoverManifest(bytes.TrimPrefix(text, engram.BOM), depth)
		r.Cause = cmp.Or(r.Cause, bom)
	case errors.Is(err, engram.ErrConflictMarkers):
		r, err = recoverConflict(text, err, depth)
	default:
		r, err = recoverGlued(text, err)
	}
	r.Text = text
	return r, err
}

// Settled is the recovered manifest with these entries in the place of those
// that it has for their ids, in the order of created_at and id.
func (r Recovery) Settled(entries ...engram.ChunkEntry) (*engram.Manifest, error) {
	d, err := takeApart(r.Manifest.Bytes())
	if err != nil {
		return nil, err
	}
	all := d.byID()
	for _, e := range entries {
		if was := all[e.ID]; was != nil && was.ChunkEntry == e {
			continue
		}
		text, err := e.Indented()
		if err != nil {
			return nil, err
		}
		all[e.ID] = &entryText{ChunkEntry: e, text: text}
	}
	d.entries = sortedTexts(slices.Collect(maps.Values(all)), d.foreign())
	return d.manifest()
}

// recoverConflict is the union of the two sides of a conflict.
func recoverConflict(text []byte, cause error, depth int) (Recovery, error) {
	if depth == maxNested {
		return Recovery{}, &engram.ManifestError{Err: fmt.Errorf("%w: too many lie in one another", ErrTangled)}
	}
	sides, err := splitConflict(text)
	if err != nil {
		return Recovery{}, err
	}
	ours, err := recoverManifest(sides.ours, depth+1)
	if err != nil {
		return Recovery{}, fmt.Errorf("our side of the conflict: %w", err)
	}
	theirs, err := recoverManifest(sides.theirs, depth+1)
	if err != nil {
		return Recovery{}, fmt.Errorf("their side of the conflict: %w", err)
	}
	return uniteRecoveries(sides.base, ours, theirs, cause)
}

// uniteRecoveries is what two sides say together. Of two entries for one id
// the more certain one counts.
func uniteRecoveries(base []byte, ours, theirs Recovery, cause error) (Recovery, error) {
	a, err := takeApart(ours.Manifest.Bytes())
	if err != nil {
		return Recovery{}, err
	}
	b, err := takeApart(theirs.Manifest.Bytes())
	if err != nil {
		return Recovery{}, err
	}
	m := merger{base: ancestor(base), ours: a, theirs: b}
	d := m.merge()
	for _, c := range m.conflicts {
		if c.ID.IsZero() {
			return Recovery{}, &engram.ManifestError{Err: errors.New(c.String())}
		}
	}
	r := Recovery{Cause: cause, Doubts: map[engram.ChunkID]Doubt{}}
	ourTexts, theirTexts, union := a.byID(), b.byID(), d.byID()
	for id, e := range union {
		best, doubt := surer(e, side{ourTexts[id], ours.Doubts[id]}, side{theirTexts[id], theirs.Doubts[id]})
		union[id] = best
		r.note(id, doubt)
	}
	d.entries = sortedTexts(slices.Collect(maps.Values(union)), d.foreign())
	r.Manifest, err = d.manifest()
	return r, err
}

// side is the entry that one side has; nil if it has none.
type side struct {
	*entryText
	doubt Doubt
}

// surer is the entry to keep for an id that was merged to e, and what is in doubt.
func surer(e *entryText, ours, theirs side) (*entryText, Doubt) {
	better := ours
	if ours.entryText == nil || theirs.entryText != nil && theirs.doubt.Confidence < ours.doubt.Confidence {
		better = theirs
	}
	doubt := Doubt{Confidence: better.doubt.Confidence, Other: ours.doubt.Other}
	if !theirs.doubt.Other.ID.IsZero() {
		doubt.Other = theirs.doubt.Other
	}
	if ours.doubt.Confidence != theirs.doubt.Confidence {
		return better.entryText, doubt
	}
	if e.theirs != "" {
		doubt.Other = theirs.ChunkEntry
		e.theirs = ""
	}
	return e, doubt
}

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
		if e := (&entryText{text: text}); !hasText(d.entries, e) {
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
