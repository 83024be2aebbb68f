package projection

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// Supplement gives of chunks that Chunks has projected what a server lacks that holds
// the rows of there in another form: parts of exactly the missing rows. Of the rows
// that it would refuse, those remain that it does not have either.
func (d *Directory) Supplement(ctx context.Context, ids []engram.ChunkID, there *recognition.RowSet) (map[engram.ChunkID]recognition.Projection, error) {
	d.there, d.supplements = there, make(map[engram.ChunkID]bool, len(ids))
	for _, id := range ids {
		d.supplements[id] = true
	}
	made, err := d.makeAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	return made, nil
}

// dropHeld drops the rows that the server has. Members beside the lists went with
// what it has of the chunk.
func (s *selection) dropHeld(there *recognition.RowSet, o Options) {
	for list, rows := range s.rows {
		s.rows[list] = slices.DeleteFunc(slices.Clone(rows), func(r *row) bool {
			v, ok := r.signature(o)
			return ok && there.Has(v)
		})
	}
	if len(s.rows[listMutations]) == 0 {
		delete(s.rows, listMutations)
	}
	s.members = nil
}

// signature is what a row is recognised by, without what was filled. A mutation is put
// into a canonical form for that: the one that takes the most, as what differs between
// forms is no part of a signature.
func (r *row) signature(o Options) (recognition.Signature, bool) {
	if r.list != listMutations {
		return recognition.Sign(r.list, r.text, r.filled...)
	}
	alone := document{rows: map[string][]*row{listMutations: {r}}}
	text, err := canon.Of(engram.Gen3).PushForm(alone.source(), o.Project)
	var doc struct {
		Mutations []json.RawMessage `json:"mutations"`
	}
	if err != nil || json.Unmarshal(text, &doc) != nil || len(doc.Mutations) != 1 {
		return recognition.Signature{}, false
	}
	return recognition.Sign(listMutations, doc.Mutations[0])
}

// mended is the row as it would be sent.
func (r *row) mended(o Options, chunk engram.ChunkID) *row {
	other := r.clone()
	other.mend(o.Generation, chunk)
	return other
}

// isThere says whether the server has a row that it would refuse as it is: mended.
func (s *selection) isThere(r *row, o Options) bool {
	if s.there == nil {
		return false
	}
	v, ok := r.mended(o, s.id).signature(o)
	return ok && s.there.Has(v)
}

// Rows are those of chunks as they are recognised, of whichever project they are. A
// chunk that cannot be read is left out.
func (d *Directory) Rows(ctx context.Context, ids []engram.ChunkID) (map[engram.ChunkID][]recognition.Signature, error) {
	read, err := each(ctx, d.limit, ids, func(id engram.ChunkID) (rows []recognition.Signature) {
		_ = d.withDocument(ctx, id, func(doc document) error {
			rows = d.opts.signatures(doc)
			return nil
		})
		return rows
	})
	maps.DeleteFunc(read, func(_ engram.ChunkID, rows []recognition.Signature) bool { return rows == nil })
	return read, err
}

// signatures are what the rows of a chunk are recognised by; never nil.
func (o Options) signatures(doc document) []recognition.Signature {
	n := 0
	for _, rows := range doc.rows {
		n += len(rows)
	}
	rows := make([]recognition.Signature, 0, n)
	for r := range doc.of(lists...) {
		if v, ok := r.mended(o, doc.id).signature(o); ok {
			rows = append(rows, v)
		}
	}
	return rows
}

// Stubs are the sessions that are added for the rows of a chunk.
func (d *Directory) Stubs(id engram.ChunkID) (rows []recognition.Signature) {
	for name, from := range d.stubs[id] {
		text, _ := json.Marshal(mend.Stub(name, d.opts.Project, from)) // plain data
		v, _ := recognition.Sign(listSessions, text)
		rows = append(rows, v)
	}
	return rows
}
