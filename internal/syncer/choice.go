package syncer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/ownership"
	"github.com/engram-sync/engram-sync/internal/rowtime"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Choice is which chunks of a remote come here. Of one that holds all projects of a user,
// those all of whose rows are the project's: the others are left there, since what
// lies in a repository may be for everybody to read. And those that somebody asked for.
type Choice struct {
	Project string // normalised; "" is all
	Wants   selection.Filter
	Known   ChunkProjects

	once sync.Once
	here map[string]string // sessions of the directory, by their projects
}

// looks says that a chunk has to be read before it is known whether it comes.
func (c *Choice) looks() bool { return c != nil && (c.Project != "" || c.Wants.AsksRows()) }

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
		if !s.choice.looks() || s.isHere(item) {
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
	if s.choice == nil || s.choice.Project == "" || s.isHere(item) {
		return false
	}
	p, known := s.choice.Known.Projects(item.Remote)
	return known && !s.belongs(p)
}

// isUnasked says whether a chunk that is not here is known to be none of those that were
// asked for: by its time, which the list tells, or by what is in it, once that was seen.
func (s *Diff) isUnasked(item Item) bool {
	if s.choice == nil || s.choice.Wants.IsZero() || s.isHere(item) {
		return false
	}
	p, known := s.choice.Known.Projects(item.Remote)
	if !known {
		p = ownership.Unknown()
	}
	asked, _ := s.asksFor(item, p)
	return !asked
}

// asksFor says whether somebody asked for a chunk with such rows, of the time that the remote
// gives it; one in the future is now, as in the entry that it gets here. open: a session
// that nobody knows yet may change that.
func (s *Diff) asksFor(item Item, p ownership.Projects) (asked, open bool) {
	there, _ := s.There.Entry(item.Remote)
	subject, open := p.Subject(rowtime.Instant(there.Clamped(time.Now()).CreatedAt), s.projectOf)
	return s.choice.Wants.Wants(subject), open && s.choice.Wants.AsksProject()
}

// TypesThere are the types of the rows of the remote's chunks, as runs with a Choice have seen them. all says that each
// chunk was seen, but for those that the server made itself and nobody wants.
func (s *Diff) TypesThere() (types []string, all bool) {
	if s.choice == nil {
		return nil, false
	}
	there := s.There.Entries()
	for i := range there {
		p, known := s.choice.Known.Projects(there[i].ID)
		switch {
		case known && p.TellsTypes():
			types = append(types, p.Types...)
		case known, !s.serverMade(&there[i]) || s.serverChunks:
			return nil, false
		}
	}
	slices.Sort(types)
	return slices.Compact(types), true
}

// belongs says whether rows belong to the project.
func (s *Diff) belongs(p ownership.Projects) bool {
	return s.choice.Project == "" || p.Belongs(s.choice.Project, s.projectOf)
}

// projectOf is the project of a session, which may lie in another chunk, of the remote or here.
func (s *Diff) projectOf(session string) string {
	if project := s.choice.Known.SessionProject(session); project != "" {
		return project
	}
	s.choice.once.Do(s.readSessions)
	return s.choice.here[session]
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
	errLeft = errors.New("it belongs to another project, or nobody asked for it")
	errOpen = fmt.Errorf("%w, or to none that is known", errLeft)
)

// maxLook is how much of a chunk is in memory while it is found out whose it is.
const maxLook = 2 << 20

// storeOurs stores a chunk if it belongs to the project, and remembers whose it is.
// What is too large for memory is on its way to the disk meanwhile, and gets no name
// there if it does not belong here: its end is an error then.
func (p *puller) storeOurs(item Item, c *engram.Chunk, store func(*engram.Chunk) error) error {
	var head bytes.Buffer
	switch _, err := io.CopyN(&head, c, maxLook); {
	case errors.Is(err, io.EOF):
		projects, err := ownership.Read(bytes.NewReader(head.Bytes()))
		if err != nil {
			projects = ownership.Unknown()
		}
		if err := p.judge(item, projects); err != nil {
			return err
		}
		return store(engram.NewChunk(c.ID(), io.NopCloser(&head), int64(head.Len())))
	case err != nil:
		return err
	}
	judged := ownership.Judged(io.MultiReader(&head, c), func(projects ownership.Projects) error { return p.judge(item, projects) })
	defer func() { _ = judged.Close() }() // never fails
	return store(engram.NewChunk(c.ID(), judged, math.MaxInt64))
}

// judge remembers what a chunk holds, and says whether it belongs here.
func (p *puller) judge(item Item, projects ownership.Projects) error {
	p.choice.Known.Add(item.Remote, projects)
	ours := func(string) string { return p.choice.Project }
	switch asked, open := p.asksFor(item, projects); {
	case !p.belongs(projects) && !projects.Belongs(p.choice.Project, ours):
		return errLeft
	case !p.belongs(projects), open && !p.sawAll:
		return errOpen
	case !asked:
		return errLeft
	}
	return nil
}

// missed says that nobody saw what a chunk has.
func missed(out outcome) bool {
	_, replaced := errors.AsType[*replacedError](out.err)
	return out.err != nil && !replaced && !errors.Is(out.err, errLeft)
}

// isOpen says that a chunk was seen, and that a session nobody knows may tell that nobody
// asked for it.
func (p *puller) isOpen(item Item) bool {
	projects, known := p.choice.Known.Projects(item.Remote)
	_, open := p.asksFor(item, projects)
	return known && open
}

// pullOurs moves the items that belong to the project and were asked for; the others are in
// left and unasked. Rows of one chunk can belong to a session of another, so what seemed
// foreign is judged once more when all was seen.
func (p *puller) pullOurs(ctx context.Context, items []Item) (tried []Item, outcomes []outcome) {
	for range 2 {
		var again []Item
		ended := transfer(ctx, work.Pulled, items, p.opts, p.pull)
		gaps := slices.ContainsFunc(ended, missed)
		for i, out := range ended {
			replaced, isReplaced := errors.AsType[*replacedError](out.err)
			switch {
			case isReplaced:
				p.found = append(p.found, Replacement{items[i], replaced.by})
			case !errors.Is(out.err, errLeft):
				tried, outcomes = append(tried, items[i]), append(outcomes, out)
			case p.isLeft(items[i]):
				p.left = append(p.left, items[i])
			case p.isUnasked(items[i]), gaps && p.isOpen(items[i]): // the next run may know more
				p.unasked = append(p.unasked, items[i])
			default:
				again = append(again, items[i])
			}
		}
		p.sawAll, p.forms.open, p.forms.known = true, false, nil
		if items = again; len(items) == 0 {
			break
		}
	}
	p.left = append(p.left, items...)
	return tried, outcomes
}
