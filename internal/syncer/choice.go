package syncer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/ownership"
	"github.com/engram-sync/engram-sync/internal/panics"
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
	Projects(id engram.ChunkID) (ownership.Projects, bool)
	SessionProject(id string) string
	Add(id engram.ChunkID, p ownership.Projects)
}

// Unseen are the chunks to pull of which nobody knows yet whose they are: some of them
// may stay there.
func (s *Diff) Unseen() int {
	n := 0
	for _, item := range s.ToPull {
		if s.choice == nil || s.isHere(item) {
			continue
		}
		if _, known := s.choice.Known.Projects(item.Remote); !known {
			n++
		}
	}
	return n
}

// isHere says that the manifest here lists a chunk, or that its file lies here, as
// where a manifest was lost: then it is wanted, whatever it holds.
func (s *Diff) isHere(item Item) bool { return s.Here.Has(item.Local) || s.Files[item.Local] }

// isLeft says whether a chunk that is not here is known to be another project's.
func (s *Diff) isLeft(item Item) bool {
	if s.choice == nil || s.isHere(item) {
		return false
	}
	p, known := s.choice.Known.Projects(item.Remote)
	return known && !s.belongs(p)
}

// belongs says whether rows belong to the project. Their sessions may lie in other
// chunks, of the remote or here.
func (s *Diff) belongs(p ownership.Projects) bool {
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
		p, err := engram.ReadRows(c, ownership.Read)
		if err == nil {
			for id, project := range p.Sessions {
				s.choice.here[id] = project
			}
		}
		_ = c.Close() // only read
	}
}

// errLeft: a chunk was not stored although it is good. errOpen: sessions of other chunks
// may still say that it belongs here.
var (
	errLeft = errors.New("it belongs to another project")
	errOpen = fmt.Errorf("%w, or to none that is known", errLeft)
)

// maxLook is how much of a chunk is in memory while it is found out whose it is.
const maxLook = 2 << 20

// storeOurs stores a chunk if it belongs to the project, and remembers whose it is.
// What is too large for memory is on its way to the disk meanwhile, and gets no name
// there if it does not belong here: its end is an error then.
func (p *puller) storeOurs(id engram.ChunkID, c *engram.Chunk, store func(*engram.Chunk) error) error {
	var head bytes.Buffer
	switch _, err := io.CopyN(&head, c, maxLook); {
	case errors.Is(err, io.EOF):
		projects, err := ownership.Read(bytes.NewReader(head.Bytes()))
		if err != nil {
			projects = ownership.Projects{} // rows that cannot be read are nobody's
		}
		if err := p.judge(id, projects); err != nil {
			return err
		}
		return store(engram.NewChunk(c.ID(), io.NopCloser(&head), int64(head.Len())))
	case err != nil:
		return err
	}
	judged := judgedReader(io.MultiReader(&head, c), func(projects ownership.Projects) error { return p.judge(id, projects) })
	defer func() { _ = judged.Close() }() // never fails
	return store(engram.NewChunk(c.ID(), judged, math.MaxInt64))
}

// judge remembers whose a chunk is, and says whether it belongs here.
func (p *puller) judge(id engram.ChunkID, projects ownership.Projects) error {
	p.choice.Known.Add(id, projects)
	ours := func(string) string { return p.choice.Project }
	switch {
	case p.belongs(projects):
		return nil
	case projects.Belongs(p.choice.Project, ours):
		return errOpen
	}
	return errLeft
}

// judgedReader gives what r gives, and ends as judge ends, which hears whose the
// rows were.
func judgedReader(r io.Reader, judge func(ownership.Projects) error) io.ReadCloser {
	look, tee := io.Pipe()
	seen := make(chan ownership.Projects, 1)
	go func() {
		defer panics.Guard()
		projects, err := ownership.Read(look)
		if err != nil {
			projects = ownership.Projects{} // rows that cannot be read are nobody's
		}
		_, _ = io.Copy(io.Discard, look) // it fails as r does, whose reader is told
		seen <- projects
	}()
	return &judged{r: io.TeeReader(r, tee), tee: tee, judge: func() error { return judge(<-seen) }}
}

type judged struct {
	r     io.Reader
	tee   *io.PipeWriter
	judge func() error
}

func (j *judged) Read(p []byte) (int, error) {
	n, err := j.r.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	_ = j.tee.Close() // never fails
	if left := j.judge(); left != nil {
		err = left
	}
	return n, err
}

// Close ends the looking, if the end was not reached.
func (j *judged) Close() error { return j.tee.CloseWithError(io.ErrUnexpectedEOF) }

// pullOurs moves the items that belong to the project, and says which stay there.
// Rows of one chunk can belong to a session of another, so what seemed foreign is
// judged once more when all was seen.
func (p *puller) pullOurs(ctx context.Context, items []Item) (tried []Item, outcomes []outcome, left []Item) {
	for range 2 {
		var again []Item
		for i, out := range transfer(ctx, work.Pulled, items, p.opts, p.pull) {
			replaced, isReplaced := errors.AsType[*replacedError](out.err)
			switch {
			case isReplaced:
				p.found = append(p.found, Replacement{items[i], replaced.by})
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
