package merge

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
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
	case errors.Is(err, engram.ErrManifestVersion):
		return r, err // it may mean something that we don't know
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
		if all[e.ID].ChunkEntry == e {
			continue
		}
		text, err := e.Indented()
		if err != nil {
			return nil, err
		}
		all[e.ID] = entryText{ChunkEntry: e, text: text}
	}
	d.entries = sortedTexts(all, d.foreign())
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
	d.entries = sortedTexts(union, d.foreign())
	r.Manifest, err = d.manifest()
	return r, err
}

// side is the entry that one side has, if its id is not zero.
type side struct {
	entryText
	doubt Doubt
}

// surer is the entry to keep for an id that was merged to e, and what is in doubt.
func surer(e entryText, ours, theirs side) (entryText, Doubt) {
	better := ours
	if ours.ID.IsZero() || !theirs.ID.IsZero() && theirs.doubt.Confidence < ours.doubt.Confidence {
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
