package syncer

import (
	"context"
	"maps"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Projector says what chunks become on a remote that keeps only the rows of one
// project, in a form of its own, as project servers do. What a chunk becomes
// depends on the chunk directory and the project alone, so a later run finds the
// same parts.
type Projector interface {
	// Project gives what each of the chunks ids becomes. all are the chunks of
	// the directory, ids among them: where a session belongs may stand in any.
	// What is wrong with a single chunk stands in its own result.
	Project(ctx context.Context, all, ids []engram.ChunkID) (map[engram.ChunkID]Projection, error)
	// Supplement gives of chunks that Project gave what the remote lacks if it holds
	// the rows of there in another form. It is called once, after Project.
	Supplement(ctx context.Context, ids []engram.ChunkID, there *engram.RowSet) (map[engram.ChunkID]Projection, error)
	// Rows gives the rows of chunks here as they are recognised.
	Rows(ctx context.Context, ids []engram.ChunkID) (map[engram.ChunkID][]engram.RowVersion, error)
	// Known gives the rows that Learn was told of a chunk of the remote, in this run
	// or an earlier one.
	Known(remote engram.ChunkID) ([]engram.RowVersion, bool)
	Learn(remote engram.ChunkID, rows []engram.RowVersion)
	// OpenPart opens the content of a part. It is called concurrently.
	OpenPart(ctx context.Context, local, part engram.ChunkID) (*engram.Chunk, error)
}

// Projection is what one chunk becomes, and what of it stays here.
type Projection struct {
	// ID is that of the chunk here, once it was compared.
	ID engram.ChunkID
	// Parts are what is sent, in order. There are none where the chunk has
	// nothing for the project.
	Parts []Part
	// LeftOut are rows of the project that the server would refuse, and rows
	// that need those. Accepted are those of them that the user has accepted.
	LeftOut, Accepted []engram.RowNote
	// Filled are rows that got what the server demands of them.
	Filled []engram.RowNote
	// Personal is how many rows stay here because they are nobody else's, Foreign
	// how many because they are another project's, by its name.
	Personal int
	Foreign  map[string]int
	// Err says that the chunk cannot be read.
	Err error
	// Supplement says that the remote may hold some of the chunk in another form:
	// Parts are what it lists, and what it lacks.
	Supplement bool
}

// Part is a chunk on the remote that is made of one here.
type Part struct {
	ID                          engram.ChunkID
	Sessions, Memories, Prompts int
	// Stage is when it can be sent: after all parts of lower stages, which bring
	// the sessions that its rows belong to.
	Stage int
}

// project finds out what the chunks that the remote does not list under their
// own ids become there.
func (s *Diff) project(ctx context.Context, files map[engram.ChunkID]bool) error {
	if s.projector == nil {
		return nil
	}
	var all, ids []engram.ChunkID
	for _, e := range s.Here.Entries() {
		if !files[e.ID] || s.isTwin(e.ID) {
			continue
		}
		all = append(all, e.ID)
		if !s.There.Has(e.ID) {
			ids = append(ids, e.ID)
		}
	}
	var err error
	if s.projected, err = s.projector.Project(ctx, all, ids); err != nil {
		return err
	}
	return s.recognise(ctx, all)
}

// origins says of every chunk of the remote that is here in another form which
// chunks those are: what they become, and what was recognised.
func (s *Diff) origins() map[engram.ChunkID][]engram.ChunkID {
	of := maps.Clone(s.covered)
	if of == nil {
		of = map[engram.ChunkID][]engram.ChunkID{}
	}
	for _, e := range s.Here.Entries() {
		for id := range setOf(s.projected[e.ID].partIDs()) {
			of[id] = append(of[id], e.ID)
		}
	}
	return of
}

// partIDs are the ids under which the remote has, or will have, the chunk.
func (p Projection) partIDs() []engram.ChunkID {
	var ids []engram.ChunkID
	for _, part := range p.Parts {
		ids = append(ids, part.ID)
	}
	return ids
}

// omits says whether anything of the chunk does not go as it is.
func (p Projection) omits() bool {
	return len(p.Parts) == 0 && !p.Supplement || len(p.LeftOut)+len(p.Accepted)+len(p.Filled)+p.Personal+len(p.Foreign) > 0
}

// unreadable are the chunks here that could not be projected, in order.
func (s *Diff) unreadable() []engram.ChunkID {
	var ids []engram.ChunkID
	for _, e := range s.Here.Entries() {
		if s.projected[e.ID].Err != nil {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// pushParts plans what is missing of a chunk that is projected, and remembers
// what of it stays here.
func (s *Diff) pushParts(e engram.ChunkEntry, p Projection, present map[engram.ChunkID]bool) {
	p.ID = e.ID
	if p.Err != nil {
		return
	}
	if p.omits() {
		s.Omitted = append(s.Omitted, p)
	}
	if there, ok := s.sharing[e.ID]; ok && p.Supplement && len(p.Parts) == 0 && !present[e.ID] {
		s.Present = append(s.Present, Item{Local: e.ID, Remote: there, Entry: e})
	}
	for _, part := range p.Parts {
		if s.There.Has(part.ID) {
			continue // present
		}
		entry := e
		entry.ID = part.ID
		entry.Sessions, entry.Memories, entry.Prompts = part.Sessions, part.Memories, part.Prompts
		s.ToPush = append(s.ToPush, Item{Local: e.ID, Remote: part.ID, Entry: entry, Direction: work.Pushed, Stage: part.Stage})
	}
}
