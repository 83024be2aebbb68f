package engram

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// Manifest is the index of the chunks of a directory or a server. It keeps the
// text that it was read from, and changes only what has to change in it: entries
// and members that nobody touches keep their bytes. A Manifest is never modified,
// so it can be shared between goroutines.
type Manifest struct {
	version  int
	entries  []ChunkEntry
	rejected []RejectedEntry
	claimed  map[string]bool // the ids that rejected entries give themselves
	index    map[ChunkID]int32

	text        []byte
	versionSpan span
	chunksSpan  span // of the array, or of the null in its place
	lastEntry   int  // where the last entry ends, 0 if there is none
	listFirst   bool
}

// span is a range of bytes in a manifest's text.
type span struct{ from, to int }

// RejectedEntry is an entry that we can't take, such as one with an upper-case
// id of a server, or one that an agent has written by hand. It keeps its place in
// the text.
type RejectedEntry struct {
	ID    string // as it calls itself, at most 64 bytes; "" if it does not
	Err   error
	Place int    // in the list, from 0
	Text  string // of the entry
}

// NewManifest is the manifest of a directory without chunks.
func NewManifest() *Manifest {
	m, err := ParseManifest([]byte("{\n  \"version\": 1,\n  \"chunks\": []\n}"))
	if err != nil {
		panic(err) // the text is right above
	}
	return m
}

// Version is at least 1: 0 and none say the same to engram. Source: engram-2.md 2.1, 10.
func (m *Manifest) Version() int { return max(1, m.version) }

// Entries are the entries in the order of the file. Don't modify them.
func (m *Manifest) Entries() []ChunkEntry { return m.entries }

// Rejected are the entries that could not be taken.
func (m *Manifest) Rejected() []RejectedEntry { return m.rejected }

// Entry finds the entry of a chunk.
func (m *Manifest) Entry(id ChunkID) (ChunkEntry, bool) {
	if i, ok := m.index[id]; ok {
		return m.entries[i], true
	}
	return ChunkEntry{}, false
}

// Has says whether there is an entry of a chunk.
func (m *Manifest) Has(id ChunkID) bool { _, ok := m.index[id]; return ok }

// Names says whether any entry is about a chunk, be it one that could not be
// taken: a second one beside that would make engram import the chunk twice.
func (m *Manifest) Names(id ChunkID) bool { return m.Has(id) || m.claimed[id.String()] }

// ListFirst says whether "chunks" stands before all other members.
func (m *Manifest) ListFirst() bool { return m.listFirst }

// Bytes is the text of the manifest. Don't modify it.
func (m *Manifest) Bytes() []byte { return m.text }

// With is m and the given entries behind its own, oldest first; entries whose
// id m names already are left out. The version becomes the higher one. Every byte
// of m's text that is not about that stays.
func (m *Manifest) With(version int, add ...ChunkEntry) (*Manifest, error) {
	fresh := slices.DeleteFunc(slices.Clone(add), func(e ChunkEntry) bool { return m.Names(e.ID) })
	text := m.text
	var err error
	if len(fresh) > 0 {
		slices.SortStableFunc(fresh, ChunkEntry.Compare)
		if text, err = m.splice(fresh); err != nil {
			return nil, err
		}
	}
	if version > m.Version() {
		text = m.raise(text, version)
	}
	return ParseManifest(text)
}

// raise writes a version into the text, which is m's with other entries.
func (m *Manifest) raise(text []byte, version int) []byte {
	at, number := m.versionSpan, strconv.Itoa(version)
	switch {
	case at.to == 0: // there is none: it becomes the first member
		at.from = bytes.IndexByte(text, '{') + 1
		at.to, number = at.from, `"version":`+number+`,`
		if end := text[at.from:]; bytes.HasPrefix(end, []byte("\n")) || bytes.HasPrefix(end, []byte("\r\n")) {
			number = string(end[:bytes.IndexByte(end, '\n')+1]) + "  " + strings.Replace(number, ":", ": ", 1)
		}
	case at.from > m.chunksSpan.to: // it moved with the text before it
		shift := len(text) - len(m.text)
		at = span{at.from + shift, at.to + shift}
	}
	return slices.Concat(text[:at.from], []byte(number), text[at.to:])
}

// splice writes entries into the text, as engram indents them.
func (m *Manifest) splice(entries []ChunkEntry) ([]byte, error) {
	var added bytes.Buffer
	head, tail := m.text[:m.lastEntry], m.text[m.lastEntry:]
	separator, end := ",", ""
	if m.lastEntry == 0 {
		head, tail = m.text[:m.chunksSpan.from], m.text[m.chunksSpan.to:]
		separator, end = "[", "\n  ]"
	}
	for _, e := range entries {
		text, err := e.Indented()
		if err != nil {
			return nil, err
		}
		added.WriteString(separator + "\n    " + text)
		separator = ","
	}
	added.WriteString(end)
	if bytes.Contains(m.text, []byte("\r\n")) {
		return slices.Concat(head, bytes.ReplaceAll(added.Bytes(), []byte("\n"), []byte("\r\n")), tail), nil
	}
	return slices.Concat(head, added.Bytes(), tail), nil
}

// Without is m without the entries of these ids. Every other byte stays, save
// for white space between entries.
func (m *Manifest) Without(ids ...ChunkID) (*Manifest, error) {
	places := map[int]bool{}
	for i, place := range m.places() {
		places[place] = slices.Contains(ids, m.entries[i].ID)
	}
	return m.withoutPlaces(places)
}

// places are where in the list each of the entries stands.
func (m *Manifest) places() []int {
	places := make([]int, len(m.entries))
	place := 0
	for i := range m.entries {
		for m.rejectedAt(place) {
			place++
		}
		places[i] = place
		place++
	}
	return places
}

// Recounted is m with the counts of the given entries in those of the same ids.
// Every other byte stays.
func (m *Manifest) Recounted(right ...ChunkEntry) (*Manifest, error) {
	counts := map[ChunkID]ChunkEntry{}
	for _, e := range right {
		counts[e.ID] = e
	}
	return m.rewritten(func(id ChunkID, text []byte) ([]byte, error) {
		if e, ok := counts[id]; ok {
			return e.recount(text)
		}
		return text, nil
	})
}

// Renamed is m with other ids in the entries of some chunks, each in its place; an entry whose new id
// m names already goes. Every other byte stays, save for white space between entries.
func (m *Manifest) Renamed(to map[ChunkID]ChunkID) (*Manifest, error) {
	named, gone := map[ChunkID]bool{}, []ChunkID(nil)
	for _, e := range m.entries {
		if id, ok := to[e.ID]; ok && (m.Names(id) || named[id]) {
			gone = append(gone, e.ID)
		} else if ok {
			named[id] = true
		}
	}
	m, err := m.Without(gone...)
	if err != nil {
		return nil, err
	}
	return m.rewritten(func(id ChunkID, text []byte) ([]byte, error) {
		if id, ok := to[id]; ok {
			return withID(text, id)
		}
		return text, nil
	})
}

// rewritten is m with other texts of entries.
func (m *Manifest) rewritten(entry func(id ChunkID, text []byte) ([]byte, error)) (*Manifest, error) {
	if m.lastEntry == 0 {
		return m, nil
	}
	list := m.text[m.chunksSpan.from:m.chunksSpan.to]
	entries, err := jsonscan.Split(list, jsonscan.Array, 0)
	if err != nil {
		return nil, err
	}
	text, done := slices.Clone(m.text[:m.chunksSpan.from]), 0
	for i, place := range m.places() {
		at := entries[place]
		other, err := entry(m.entries[i].ID, at.Value)
		if err != nil {
			return nil, err
		}
		text, done = append(append(text, list[done:at.At]...), other...), at.End()
	}
	return ParseManifest(slices.Concat(text, list[done:], m.text[m.chunksSpan.to:]))
}

// WithoutRejected is m without the entries that could not be taken.
func (m *Manifest) WithoutRejected() (*Manifest, error) {
	places := map[int]bool{}
	for _, r := range m.rejected {
		places[r.Place] = true
	}
	return m.withoutPlaces(places)
}

func (m *Manifest) rejectedAt(place int) bool {
	_, found := slices.BinarySearchFunc(m.rejected, place, func(r RejectedEntry, place int) int { return r.Place - place })
	return found
}

func (m *Manifest) withoutPlaces(drop map[int]bool) (*Manifest, error) {
	if m.lastEntry == 0 {
		return m, nil
	}
	list := m.text[m.chunksSpan.from:m.chunksSpan.to]
	entries, err := jsonscan.Split(list, jsonscan.Array, 0)
	if err != nil {
		return nil, err
	}
	var kept []byte
	space := list[1:entries[0].At] // before the first that is kept; then what stands between it and the one before
	for i, e := range entries {
		if i > 0 && len(kept) > 0 {
			_, space, _ = bytes.Cut(list[entries[i-1].End():e.At], []byte(","))
		}
		if drop[i] {
			continue
		}
		if len(kept) > 0 {
			kept = append(kept, ',')
		}
		kept = append(append(kept, space...), e.Value...)
	}
	if len(kept) > 0 {
		kept = append(kept, list[entries[len(entries)-1].End():len(list)-1]...)
	}
	return ParseManifest(slices.Concat(m.text[:m.chunksSpan.from+1], kept, m.text[m.chunksSpan.to-1:]))
}
