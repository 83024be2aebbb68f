package syncer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Choice is which chunks of a remote that holds all projects of a user belong here:
// those all of whose rows are the project's. The others are left there, since what
// lies in a repository may be for everybody to read.
type Choice struct {
	Project string // normalised
	Known   ChunkProjects

	once sync.Once
	here map[string]string // sessions of the directory, by their projects
}

// ChunkProjects remembers whose the rows of a remote's chunks are.
type ChunkProjects interface {
	Projects(id engram.ChunkID) (engram.Projects, bool)
	SessionProject(id string) string
	Add(id engram.ChunkID, p engram.Projects)
}

// isLeft says whether a chunk that is not here is known to be another project's. What
// the manifest here lists is wanted, whatever it holds.
func (s *Diff) isLeft(item Item) bool {
	if s.choice == nil || s.Here.Has(item.Local) {
		return false
	}
	p, known := s.choice.Known.Projects(item.Remote)
	return known && !s.belongs(p)
}

// belongs says whether rows belong to the project. Their sessions may lie in other
// chunks, of the remote or here.
func (s *Diff) belongs(p engram.Projects) bool {
	return p.Belongs(s.choice.Project, func(session string) string {
		if project := s.choice.Known.SessionProject(session); project != "" {
			return project
		}
		s.choice.once.Do(s.readSessions)
		return s.choice.here[session]
	})
}

// readSessions reads the chunks here, for rows that name no project. What cannot be
// read names none.
func (s *Diff) readSessions() {
	s.choice.here = map[string]string{}
	for _, e := range s.Here.Entries() {
		c, err := s.local.OpenChunk(e.ID)
		if err != nil {
			continue
		}
		p, err := engram.ReadRows(c, engram.ReadProjects)
		if err == nil {
			for id, project := range p.Sessions {
				s.choice.here[id] = project
			}
		}
		_ = c.Close() // only read
	}
}

// Why a chunk was not stored although it is good.
var (
	errLeft  = errors.New("it belongs to another project")
	errAgain = errors.New("it belongs here, and is too large to be kept meanwhile")
)

// maxLook is how much of a chunk is in memory while it is found out whose it is; of
// larger ones, which are asked for twice, only the beginning.
const maxLook = 2 << 20

// storeOurs stores a chunk if it belongs to the project, and remembers whose it is.
func (p *puller) storeOurs(id engram.ChunkID, c *engram.Chunk, store func(*engram.Chunk) error) error {
	head := &beginning{}
	projects, err := engram.ReadRows(c, func(r io.Reader) (engram.Projects, error) {
		return engram.ReadProjects(io.TeeReader(r, head))
	})
	switch {
	case err != nil && c.Verified():
		projects = engram.Projects{} // rows that cannot be read are nobody's
	case err != nil:
		return err
	}
	p.choice.Known.Add(id, projects)
	switch {
	case !p.belongs(projects):
		return errLeft
	case head.cut:
		return errAgain
	}
	return store(engram.NewChunk(c.ID(), io.NopCloser(&head.text), int64(head.text.Len())))
}

// beginning keeps the first maxLook bytes.
type beginning struct {
	text bytes.Buffer
	cut  bool
}

func (b *beginning) Write(p []byte) (int, error) {
	if b.cut = b.cut || b.text.Len()+len(p) > maxLook; !b.cut {
		return b.text.Write(p)
	}
	return len(p), nil
}

// pullOurs moves the items that belong to the project, and says which stay there.
// Rows of one chunk can belong to a session of another, so what seemed foreign is
// judged once more when all was seen.
func (p *puller) pullOurs(ctx context.Context, items []Item) (tried []Item, outcomes []outcome, left []Item) {
	for range 2 {
		var again []Item
		for i, out := range transfer(ctx, work.Pulled, items, p.opts, p.pull) {
			switch {
			case !errors.Is(out.err, errLeft):
				tried, outcomes = append(tried, items[i]), append(outcomes, out)
			case p.isLeft(items[i]):
				left = append(left, items[i])
			default:
				again = append(again, items[i])
			}
		}
		if items = again; len(items) == 0 {
			break
		}
	}
	return tried, outcomes, append(left, items...)
}
