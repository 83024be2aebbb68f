package engram

import (
	"errors"
	"fmt"
	"maps"
)

// ErrTangled is the cause in a ManifestError where git's conflict markers do
// not pair up, so that the two sides cannot be told apart.
var ErrTangled = errors.New("conflict markers that do not pair up")

// Confidence is how little is known about a recovered entry, besides its id.
type Confidence int

// The kinds of doubt.
const (
	// Pieced: it was put together from the members of an object that had those
	// of several entries. What can be checked in it should be.
	Pieced Confidence = iota + 1
	// Guessed: only the id is certain.
	Guessed
)

// Recovery is what could be read out of a manifest that a merge has spoiled.
type Recovery struct {
	// Text is what it was read from.
	Text []byte
	// Manifest has an entry for every id that the text names.
	Manifest *Manifest
	// Cause says why the text is no manifest; nil if it is one.
	Cause error
	// Doubts are about the entries that the text does not have as a whole.
	Doubts map[ChunkID]Confidence
	// Others are the other entries of ids that have two.
	Others map[ChunkID]ChunkEntry
}

// RecoverManifest reads the text of a manifest, also if git's conflict markers
// are in it, of any style, or if git's union merge has glued entries together.
// Whatever else is wrong is the *ManifestError of ParseManifest.
func RecoverManifest(text []byte) (Recovery, error) { return recoverManifest(text, 0) }

// maxNested is how many conflicts can lie in one another. Each one more doubles
// the work.
const maxNested = 4

func recoverManifest(text []byte, depth int) (Recovery, error) {
	m, err := ParseManifest(text)
	if err == nil {
		return Recovery{Text: text, Manifest: m}, nil
	}
	var r Recovery
	switch {
	case errors.Is(err, ErrManifestVersion):
		return r, err // it may mean something that we don't know
	case errors.Is(err, ErrConflictMarkers):
		r, err = recoverConflict(text, err, depth)
	default:
		r, err = recoverGlued(text, err)
	}
	r.Text = text
	return r, err
}

// Settled is the recovered manifest with these entries in the place of those
// that it has for their ids, in the order of created_at and id.
func (r Recovery) Settled(entries ...ChunkEntry) (*Manifest, error) {
	d, err := takeApart(r.Manifest.Bytes())
	if err != nil {
		return nil, err
	}
	all := d.byID()
	for _, e := range entries {
		if all[e.ID].ChunkEntry == e {
			continue
		}
		text, err := indented(e)
		if err != nil {
			return nil, err
		}
		all[e.ID] = entryText{ChunkEntry: e, text: text}
	}
	d.entries = sortedTexts(all)
	return d.manifest()
}

// recoverConflict is the union of the two sides of a conflict.
func recoverConflict(text []byte, cause error, depth int) (Recovery, error) {
	if depth == maxNested {
		return Recovery{}, &ManifestError{Err: fmt.Errorf("%w: too many lie in one another", ErrTangled)}
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
			return Recovery{}, &ManifestError{Err: errors.New(c.String())}
		}
	}
	r := Recovery{Cause: cause, Doubts: map[ChunkID]Confidence{}, Others: map[ChunkID]ChunkEntry{}}
	maps.Copy(r.Others, ours.Others)
	maps.Copy(r.Others, theirs.Others)
	ourTexts, theirTexts, union := a.byID(), b.byID(), d.byID()
	for id, e := range union {
		union[id] = r.take(e, side{ourTexts[id], ours.Doubts[id]}, side{theirTexts[id], theirs.Doubts[id]})
	}
	d.entries = sortedTexts(union)
	r.Manifest, err = d.manifest()
	return r, err
}

// side is the entry that one side has, if its id is not zero.
type side struct {
	entryText
	doubt Confidence
}

// take notes the doubts about a merged entry, and gives the one to keep.
func (r *Recovery) take(e entryText, ours, theirs side) entryText {
	better := ours
	if ours.ID.IsZero() || !theirs.ID.IsZero() && theirs.doubt < ours.doubt {
		better = theirs
	}
	if better.doubt > 0 {
		r.Doubts[e.ID] = better.doubt
	}
	if ours.doubt != theirs.doubt {
		return better.entryText
	}
	if e.theirs != "" {
		r.Others[e.ID] = theirs.ChunkEntry
		e.theirs = ""
	}
	return e
}
