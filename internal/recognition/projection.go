package recognition

import (
	"context"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Projector says what chunks become on a remote that keeps only the rows of one
// project, in a form of its own, as project servers do. What a chunk becomes
// depends on the chunk directory and the project alone, so a later run finds the
// same parts.
type Projector interface {
	// Also gives the ids by which a remote may know each of the chunks, whole, besides its
	// own: a server that was upgraded can list one under two.
	Also(ctx context.Context, ids []engram.ChunkID) (map[engram.ChunkID][]engram.ChunkID, error)
	// Project gives what each of the chunks ids becomes. all are the chunks of
	// the directory, ids among them: where a session belongs may stand in any.
	// What is wrong with a single chunk stands in its own result.
	Project(ctx context.Context, all, ids []engram.ChunkID) (map[engram.ChunkID]Projection, error)
	// Untimed gives those of the chunks whose memories have no times, and which may
	// have been restored.
	Untimed(ctx context.Context, all []engram.ChunkID) ([]engram.ChunkID, error)
	// Supplement gives of chunks that Project gave what the remote lacks if it holds
	// the rows of there in another form. It is called once, after Project.
	Supplement(ctx context.Context, ids []engram.ChunkID, there *RowSet) (map[engram.ChunkID]Projection, error)
	// Rows gives the rows of chunks here as they are recognised, before they are mended.
	Rows(ctx context.Context, ids []engram.ChunkID) (map[engram.ChunkID][]Signature, error)
	// Known gives the rows of a chunk of the remote that Learn was told, in this run or
	// an earlier one.
	Known(remote engram.ChunkID) ([]Signature, bool)
	Learn(chunks map[engram.ChunkID][]Signature) error
	// Answered hears under which ids the remote has stored parts, by those of the parts, if
	// they are none of those that a part may be known by: in later runs they are.
	Answered(stored map[engram.ChunkID]engram.ChunkID) error
	// OpenPart opens the content of a part. It is called concurrently.
	OpenPart(ctx context.Context, local, part engram.ChunkID) (*engram.Chunk, error)
}

// Projection is what one chunk becomes, and what of it stays here. It is cached as JSON.
type Projection struct {
	// ID is that of the chunk here, once it was compared.
	ID engram.ChunkID `json:"-"`
	// Parts are what is sent, in order. There are none where the chunk has
	// nothing for the project.
	Parts []Part `json:"parts"`
	// LeftOut are rows of the project that the server would refuse, and rows
	// that need those. Accepted are those of them that the user has accepted.
	LeftOut  []engram.RowNote `json:"left_out,omitempty"`
	Accepted []engram.RowNote `json:"-"`
	// Filled are rows that got what the server demands of them.
	Filled []engram.RowNote `json:"filled,omitempty"`
	// Personal is how many rows stay here because they are nobody else's, Foreign
	// how many because they are another project's, by its name.
	Personal int            `json:"personal,omitempty"`
	Foreign  map[string]int `json:"foreign,omitempty"`
	// Unjudged is how many relations stay here that nobody has judged: no server has
	// such ones.
	Unjudged int `json:"unjudged,omitempty"`
	// Err says that the chunk cannot be read.
	Err error `json:"-"`
	// Supplement says that the remote may hold some of the chunk in another form:
	// Parts are what it lists, and what it lacks.
	Supplement bool `json:"-"`
}

// Part is a chunk on the remote that is made of one here.
type Part struct {
	ID engram.ChunkID `json:"id"`
	// Also are other ids that a server may know it by: those of other generations, and
	// one that this server has answered. Source: engram-2.md 4.4.
	Also     []engram.ChunkID `json:"also,omitempty"`
	Sessions int              `json:"sessions"`
	Memories int              `json:"memories"`
	Prompts  int              `json:"prompts"`
	// Provides are the sessions that the part brings, Needs those that its
	// rows belong to and that some other part has to bring.
	Provides []string `json:"provides,omitempty"`
	Needs    []string `json:"needs,omitempty"`
}

// IDs are all by which a server may know the part.
func (p Part) IDs() []engram.ChunkID { return append([]engram.ChunkID{p.ID}, p.Also...) }

// In says whether a manifest lists the part, by any of its ids.
func (p Part) In(m *engram.Manifest) bool { return slices.ContainsFunc(p.IDs(), m.Has) }

// Omits says whether anything of the chunk does not go as it is.
func (p Projection) Omits() bool {
	return len(p.Parts) == 0 && !p.Supplement || len(p.LeftOut)+len(p.Accepted)+len(p.Filled)+p.Personal+p.Unjudged+len(p.Foreign) > 0
}

// project finds out what the chunks that the remote does not list under their
// own ids become there.
func (m *Match) project(ctx context.Context) error {
	var files []engram.ChunkID
	for _, e := range m.Here.Entries() {
		if m.Files[e.ID] {
			files = append(files, e.ID)
		}
	}
	if m.opts.Early != nil && len(m.There.Entries())+len(m.There.Rejected()) == 0 {
		m.opts.Early(ctx, slices.DeleteFunc(slices.Clone(files), m.IsTwin))
	}
	untimed, err := m.opts.Projector.Untimed(ctx, files)
	if err != nil {
		return err
	}
	m.findTwins(untimed)
	all := slices.DeleteFunc(slices.Clone(files), m.IsTwin)
	ids := slices.DeleteFunc(slices.Clone(all), m.There.Has)
	listed := slices.DeleteFunc(slices.Clone(all), func(id engram.ChunkID) bool { return !m.There.Has(id) })
	if m.also, err = m.opts.Projector.Also(ctx, listed); err != nil {
		return err
	}
	if m.Projected, err = m.opts.Projector.Project(ctx, all, ids); err != nil {
		return err
	}
	return m.recognise(ctx, files, all)
}
