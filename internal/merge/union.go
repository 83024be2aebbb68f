// Package merge makes one manifest.json out of two, or out of what a merge of
// git's has made of them. It is pure text, for whoever merges or mends a manifest;
// the noun itself is engram.Manifest.
package merge

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Conflict is something about which two manifests say different things, and
// both changed what their common ancestor says.
type Conflict struct {
	ID     engram.ChunkID // the chunk whose entries differ; zero where a member does
	Member string         // the member of the manifest itself
}

func (c Conflict) String() string {
	if c.ID.IsZero() {
		return fmt.Sprintf("both sides changed %.40q", c.Member)
	}
	return fmt.Sprintf("chunk %s has two different entries", c.ID)
}

// Merged is what a merge has come to.
type Merged struct {
	Text      []byte
	Version   int // of the manifest
	Conflicts []Conflict
}

// SideError says which side of a merge cannot be read as a manifest.
type SideError struct {
	Side string // "ours" or "theirs"
	Err  error
}

func (e *SideError) Error() string { return e.Side + ": " + e.Err.Error() }

func (e *SideError) Unwrap() error { return e.Err }

// Manifests is the union of two manifests by chunk id: no id of either
// side is missing, also where the other side deleted it, because an entry too
// many can be removed and one too few is a lost chunk. Only an entry of the ancestor
// goes that one side has replaced: it is not there any more, and a new one with its author
// and time is, as when text was taken out of the chunk. Entries come in the order
// of created_at and id, and keep their bytes; the version is the highest of the three;
// members that we don't know are kept. Two people who merge each other's
// manifests get the same bytes.
//
// Where both sides say different things about one id or member, and one of them
// only repeats the ancestor, the other one counts. Otherwise it is a Conflict,
// and the text has both sides between git's markers: RecoverManifest reads it.
//
// base is the common ancestor. It may be empty, and one that cannot be read
// counts as empty. A bad side is a *SideError.
func Manifests(base, ours, theirs []byte) (Merged, error) {
	a, err := takeApart(ours)
	if err != nil {
		return Merged{}, &SideError{Side: "ours", Err: err}
	}
	b, err := takeApart(theirs)
	if err != nil {
		return Merged{}, &SideError{Side: "theirs", Err: err}
	}
	if bytes.Equal(ours, theirs) {
		return Merged{Text: ours, Version: a.version}, nil
	}
	m := merger{base: ancestor(base), ours: a, theirs: b}
	d := m.merge()
	merged := Merged{d.bytes(), d.version, m.conflicts}
	if len(m.conflicts) == 0 {
		// The last line of defence: what cannot be read is not to be committed.
		if _, err := engram.ParseManifest(merged.Text); err != nil {
			return Merged{}, fmt.Errorf("merge the manifests: %w", err)
		}
	}
	return merged, nil
}

// ancestor takes the common ancestor apart. It only tells who changed what, so
// without one nothing is lost.
func ancestor(base []byte) *document {
	d, err := takeApart(base)
	if err != nil {
		return &document{}
	}
	return d
}

type merger struct {
	base, ours, theirs *document
	conflicts          []Conflict
}

func (m *merger) merge() *document {
	d := &document{version: max(m.base.version, m.ours.version, m.theirs.version), values: map[string]string{}}
	d.layout = m.layout()
	d.entries = m.entries()
	for _, name := range d.names {
		if name != "version" && name != "chunks" {
			d.values[name] = m.value(name)
		}
	}
	return d
}

// layout chooses how the result is written, and makes room for all members.
func (m *merger) layout() layout {
	base, ours, theirs := m.base.layout, m.ours.layout, m.theirs.layout
	chosen := ours
	if gaps, _ := choose(base.key(), ours.key(), theirs.key()); gaps != ours.key() {
		chosen = theirs
	}
	l := layout{gaps: slices.Clone(chosen.gaps), names: slices.Clone(chosen.names)}
	for _, other := range []layout{ours, theirs} {
		for _, name := range slices.Sorted(slices.Values(other.names)) {
			if !slices.Contains(l.names, name) {
				l.addMember(name, other)
			}
		}
	}
	if !slices.Contains(l.names, "version") && slices.Contains(base.names, "version") {
		l.addMember("version", base)
	}
	l.eol, _ = choose(base.eol, ours.eol, theirs.eol)
	l.list = ours.list
	if list, _ := choose(base.list.key(), ours.list.key(), theirs.list.key()); list != ours.list.key() {
		l.list = theirs.list
	}
	return l
}

func (l layout) key() string { return strings.Join(l.gaps, "\x00") }

func (l listLayout) key() string {
	if !l.known {
		return ""
	}
	return strings.Join([]string{l.open, l.between, l.close}, "\x00")
}

// choose is the three-way choice between texts; "" is one that is not there,
// which loses against one that is. It says whether the choice is more than a
// rule that gives the same to both sides.
func choose(base, ours, theirs string) (string, bool) {
	switch {
	case ours == theirs, theirs == "":
		return ours, true
	case ours == "", ours == base:
		return theirs, true
	case theirs == base:
		return ours, true
	}
	return min(ours, theirs), false
}

func (m *merger) value(name string) string {
	ours, theirs := m.ours.values[name], m.theirs.values[name]
	text, ok := choose(m.base.values[name], ours, theirs)
	if ok {
		return text
	}
	m.conflicts = append(m.conflicts, Conflict{Member: name})
	return "\n" + conflictText(ours, theirs, markerSize)
}

// entries is the union, in order.
func (m *merger) entries() []*entryText {
	ours, theirs := m.ours.byID(), m.theirs.byID()
	var base map[engram.ChunkID]*entryText
	union := make([]*entryText, 0, len(ours)+len(theirs))
	for _, our := range m.ours.entries {
		if our.ID.IsZero() {
			continue
		}
		their, both := theirs[our.ID]
		if !both || their.text == our.text {
			union = append(union, our)
			continue
		}
		if base == nil {
			base = m.base.byID()
		}
		e, ok := chooseEntry(cmp.Or(base[our.ID], &entryText{}), our, their)
		if !ok {
			m.conflicts = append(m.conflicts, Conflict{ID: our.ID})
			e = &entryText{ChunkEntry: our.ChunkEntry, text: our.text, theirs: their.text}
		}
		union = append(union, e)
	}
	for _, their := range m.theirs.entries {
		if !their.ID.IsZero() && ours[their.ID] == nil {
			union = append(union, their)
		}
	}
	if m.base.entries != nil {
		if base == nil {
			base = m.base.byID()
		}
		news := [2]map[origin]bool{newOrigins(base, m.ours), newOrigins(base, m.theirs)}
		union = slices.DeleteFunc(union, func(e *entryText) bool {
			was := originOf(e)
			return base[e.ID] != nil && (ours[e.ID] == nil && news[0][was] || theirs[e.ID] == nil && news[1][was])
		})
	}
	slices.SortFunc(m.conflicts, func(a, b Conflict) int { return a.ID.Compare(b.ID) })
	return sortedTexts(union, uniteForeign(m.base.foreign(), m.ours.foreign(), m.theirs.foreign()))
}

// origin is what an entry keeps whose chunk has become another one.
type origin struct{ by, at string }

func originOf(e *entryText) origin { return origin{e.CreatedBy, e.CreatedAt} }

// newOrigins are those of the entries that a side has and the ancestor has not.
func newOrigins(base map[engram.ChunkID]*entryText, side *document) map[origin]bool {
	news := map[origin]bool{}
	for _, e := range side.entries {
		if !e.ID.IsZero() && base[e.ID] == nil {
			news[originOf(e)] = true
		}
	}
	return news
}

// uniteForeign is the union of the entries that are not engram's, as they are
// written. Of one that only one side has changed, the change counts.
func uniteForeign(base, ours, theirs []*entryText) []*entryText {
	var union []*entryText
	for _, e := range slices.Concat(ours, theirs) {
		if !hasText(union, e) && !replaced(e, base, ours, theirs) && !replaced(e, base, theirs, ours) {
			union = append(union, e)
		}
	}
	return union
}

// replaced says whether one side has an ancestor's entry still as it was, and
// the other has another one in its place.
func replaced(e *entryText, base, side, other []*entryText) bool {
	return e.claims != "" && hasText(base, e) && hasText(side, e) && !hasText(other, e) &&
		slices.ContainsFunc(other, func(o *entryText) bool { return o.claims == e.claims })
}

func hasText(list []*entryText, e *entryText) bool {
	return slices.ContainsFunc(list, func(o *entryText) bool { return o.text == e.text })
}

// chooseEntry is the three-way choice between the entries of one id.
func chooseEntry(base, ours, theirs *entryText) (*entryText, bool) {
	switch {
	case ours.ChunkEntry == theirs.ChunkEntry: // but not in the same writing
		if text, _ := choose(base.text, ours.text, theirs.text); text == theirs.text {
			return theirs, true
		}
		return ours, true
	case ours.ChunkEntry == base.ChunkEntry:
		return theirs, true
	case theirs.ChunkEntry == base.ChunkEntry:
		return ours, true
	}
	return ours, false
}

func (d *document) byID() map[engram.ChunkID]*entryText {
	entries := make(map[engram.ChunkID]*entryText, len(d.entries))
	for _, e := range d.entries {
		if !e.ID.IsZero() {
			entries[e.ID] = e
		}
	}
	return entries
}

// foreign are the entries that are not engram's.
func (d *document) foreign() []*entryText {
	var foreign []*entryText
	for _, e := range d.entries {
		if e.ID.IsZero() {
			foreign = append(foreign, e)
		}
	}
	return foreign
}

// sortedTexts puts engram's entries in their order, and the others behind them in one that
// does not depend on the side that they come from.
func sortedTexts(entries, foreign []*entryText) []*entryText {
	type timed struct {
		*entryText
		at time.Time // reading one takes longer than comparing two
	}
	all := make([]timed, len(entries))
	for i, e := range entries {
		all[i] = timed{e, e.Time()}
	}
	slices.SortFunc(all, func(a, b timed) int { return cmp.Or(a.at.Compare(b.at), a.ID.Compare(b.ID)) })
	sorted := make([]*entryText, len(all), len(all)+len(foreign))
	for i, e := range all {
		sorted[i] = e.entryText
	}
	slices.SortFunc(foreign, func(a, b *entryText) int {
		return cmp.Or(strings.Compare(a.claims, b.claims), strings.Compare(a.text, b.text))
	})
	return append(sorted, foreign...)
}

// markerSize is how long git's conflict markers are.
const markerSize = 7

// conflictText puts two texts between markers, each on lines of its own.
func conflictText(ours, theirs string, size int) string {
	return strings.Repeat("<", size) + " ours\n" + ours + "\n" +
		strings.Repeat("=", size) + "\n" + theirs + "\n" +
		strings.Repeat(">", size) + " theirs\n"
}
