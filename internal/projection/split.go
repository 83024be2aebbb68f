package projection

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/text/unicode/norm"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// maxPart is the size from which a chunk is split, in bytes of canonical text. It is
// a constant for all servers that take so much: another size makes other parts, whose
// rows have to be recognised in those that are there. Source: project-server.md 9, 12.
const maxPart = 4 << 20

// around is what a push has around a part, and more.
const around = 4 << 10

// maxPart is the size of a part that fits through the server's limit, if that is known.
func (o Options) maxPart() int {
	if o.Limit > 0 && o.Limit < maxPart+around {
		return int(max(o.Limit-around, 1))
	}
	return maxPart
}

// split makes the parts of a selection: the rows in their order, and with each
// the session that it belongs to, if the chunk has it. A row that is larger than
// a part is a part of its own.
func (o Options) split(s selection, m *made) error {
	b := &splitter{options: o, selection: &s, made: m, sessions: map[string][]*row{}, used: map[string]bool{}}
	for _, r := range s.rows[listSessions] {
		b.sessions[key(r.id)] = append(b.sessions[key(r.id)], r)
	}
	b.begin()
	for name, value := range s.members {
		b.size += len(name) + len(value)
	}
	for r := range s.of(listObservations, listPrompts, listMutations) {
		if err := b.add(r); err != nil {
			return err
		}
	}
	for _, r := range b.unused() {
		if err := b.add(r); err != nil {
			return err
		}
	}
	return b.flush()
}

type splitter struct {
	options   Options
	selection *selection
	sessions  map[string][]*row
	used      map[string]bool // sessions that some part has
	made      *made
	parts     int // of this selection

	document                 // the part at hand: its rows
	has      map[string]bool // sessions in it
	full     bool            // it has a row
}

func (b *splitter) begin() {
	b.document, b.has, b.full = document{rows: map[string][]*row{}}, map[string]bool{}, false
	for list := range b.selection.rows {
		if list != listMutations || b.parts == 0 { // the key alone changes what the server does
			b.rows[list] = nil
		}
	}
}

// add puts a row, and the session that it needs, into the part at hand, or into
// the next one if that would get too large.
func (b *splitter) add(r *row) error {
	size := b.weight(r)
	if b.full && b.size+size > b.options.maxPart() {
		if err := b.flush(); err != nil {
			return err
		}
		b.begin()
		size = b.weight(r)
	}
	if r.list != listSessions {
		b.bring(key(r.session))
	}
	b.has[r.gives] = true
	b.rows[r.list] = append(b.rows[r.list], r)
	b.size += size
	b.full = true
	return nil
}

// unused are the sessions that no row of the chunk brought along.
func (b *splitter) unused() []*row {
	return slices.DeleteFunc(slices.Clone(b.selection.rows[listSessions]), func(r *row) bool { return b.used[key(r.id)] })
}

// bring puts a session into the part at hand, if the chunk has it.
func (b *splitter) bring(id string) {
	if b.has[id] || len(b.sessions[id]) == 0 {
		return
	}
	b.has[id], b.used[id] = true, true
	b.rows[listSessions] = append(b.rows[listSessions], b.sessions[id]...)
}

// weight is the most by which the part grows with a row.
func (b *splitter) weight(r *row) int {
	size := b.canonicalSize(r)
	if r.list == listSessions || b.has[key(r.session)] {
		return size
	}
	for _, session := range b.sessions[key(r.session)] {
		size += b.canonicalSize(session)
	}
	return size
}

// canonicalSize is at least what a row takes in canonical form: its bytes, and
// five more for each that gets an escape there. To encode it would tell exactly,
// and take as long as all the rest.
func (b *splitter) canonicalSize(r *row) int {
	size := len(r.text) + len(b.options.Project) + len(`,"project":""`)
	for _, c := range []string{"<", ">", "&", "\u2028", "\u2029"} {
		size += 5 * bytes.Count(r.text, []byte(c))
	}
	return size
}

// flush ends the part at hand.
func (b *splitter) flush() error {
	if !b.full {
		return nil
	}
	if b.parts == 0 {
		b.members = b.selection.members // they are told once
	}
	sum, size, err := b.options.form().PushSum(b.source(), b.options.Project)
	if err != nil {
		return fmt.Errorf("make the canonical form: %w", err)
	}
	id := engram.IDOf(sum)
	part := recognition.Part{
		ID: id, Also: b.options.also(b.document, id),
		Sessions: len(b.rows[listSessions]), Memories: len(b.rows[listObservations]), Prompts: len(b.rows[listPrompts]),
		Provides: b.provides(), Needs: b.needs(),
	}
	b.size = size
	b.made.parts[id], b.made.sizes[id] = b.document, int64(size)
	b.made.Parts = append(b.made.Parts, part)
	b.parts++
	return nil
}

// also are the ids of a document in other forms. Rows alone have one in all of them,
// unless the project has an odd name.
func (o Options) also(doc document, id engram.ChunkID) (ids []engram.ChunkID) {
	if len(doc.rows[listMutations]) == 0 && norm.NFC.IsNormalString(o.Project) {
		return nil
	}
	for _, f := range canon.Known() {
		sum, _, err := f.PushSum(doc.source(), o.Project)
		if other := engram.IDOf(sum); err == nil && other != id && !slices.Contains(ids, other) {
			ids = append(ids, other)
		}
	}
	return ids
}

func (b *splitter) provides() []string {
	var ids []string
	for r := range b.of(listSessions, listMutations) {
		if r.gives != "" {
			ids = append(ids, r.gives)
		}
	}
	return unique(ids)
}

func (b *splitter) needs() []string {
	var ids []string
	for r := range b.of(listObservations, listPrompts, listMutations) {
		if id := key(r.session); id != "" && !b.has[id] {
			ids = append(ids, id)
		}
	}
	return unique(ids)
}

func unique(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}
