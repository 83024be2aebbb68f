package syncer

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// Replaced remembers the chunks of a directory whose place others have taken: those that
// somebody took text out of, and restored ones that were retired. A remote that has them
// keeps them, and they must not come back.
type Replaced interface {
	By(id engram.ChunkID) (engram.ChunkID, bool)
	Add(id, by engram.ChunkID) error
}

// Replacement is a chunk of the remote that is not pulled, and what is here in its place.
type Replacement struct {
	Item

	By engram.ChunkID
}

// replacedBy gives what is here in the place of a chunk that is not, or of a file alone.
func (s *Diff) replacedBy(id engram.ChunkID) (by engram.ChunkID, ok bool) {
	if s.Here.Names(id) && s.Files[id] {
		return by, false
	}
	return ReplacedBy(s.replaced, s.Here, id)
}

// ReplacedBy gives the chunk of a manifest that has taken the place of another one. r may be nil.
func ReplacedBy(r Replaced, here *engram.Manifest, id engram.ChunkID) (by engram.ChunkID, ok bool) {
	if r == nil {
		return by, false
	}
	seen := map[engram.ChunkID]bool{}
	for by, ok = r.By(id); ok && !here.Has(by) && !seen[by]; by, ok = r.By(by) {
		seen[by] = true
	}
	return by, ok && here.Has(by)
}

// PutBack are the files without an entry whose place others have taken, whether the remote
// has those chunks or not.
func (s *Diff) PutBack() (ids []engram.ChunkID) {
	for id := range s.Files {
		if !s.Here.Names(id) && s.isReplaced(id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, engram.ChunkID.Compare)
	return ids
}

func (s *Diff) isReplaced(id engram.ChunkID) bool { _, ok := s.replacedBy(id); return ok }

// ReplacedError says that something of a chunk is here again whose place another one has taken.
type ReplacedError struct {
	ID engram.ChunkID
	By engram.ChunkID
	// Listed: it is the manifest's entry; else the file.
	Listed bool
}

func (e *ReplacedError) Error() string {
	if e.Listed {
		return fmt.Sprintf("text was taken out of it here, and it is %s now, but an entry names it still: run `engram-sync verify --repair` to drop that", e.By)
	}
	return fmt.Sprintf("text was taken out of it here, and it is %s now: delete the file, which no entry names", e.By)
}

// replacedError is how a download of a chunk ends that is not wanted.
type replacedError struct{ by engram.ChunkID }

func (e *replacedError) Error() string { return "it is here with other text, as " + e.by.String() }

// origin is what the entries of a chunk and of its redacted form have in common.
type origin struct {
	by string
	at time.Time // servers may know the second alone
}

func originOf(e engram.ChunkEntry) origin {
	return origin{e.CreatedBy, e.Time().UTC().Truncate(time.Second)}
}

// unlessReplaced takes a chunk that has come, and is not listed yet, away again if one is
// here that somebody made of it by taking text out: on another machine, whose state
// nobody here has. It is told by its rows, and by the entry, which the other kept.
func (p *puller) unlessReplaced(item Item, e engram.ChunkEntry) error {
	dir, removes := p.local.(interface{ RemoveChunk(id engram.ChunkID) error })
	if !removes || p.replaced == nil || len(p.opts.Only) > 0 || p.Here.Names(e.ID) && p.Files[e.ID] {
		return nil
	}
	p.findOrigins.Do(func() {
		p.origins = map[origin][]engram.ChunkID{}
		for _, here := range p.Here.Entries() {
			p.origins[originOf(here)] = append(p.origins[originOf(here)], here.ID)
		}
	})
	for _, by := range p.origins[originOf(e)] {
		if by == e.ID || p.before(by, item.Remote) || !p.retells(by, e.ID) {
			continue
		}
		// Before the file goes, of which a killed run would else leave nothing known.
		if err := cmp.Or(p.replaced.Add(item.Remote, by), dir.RemoveChunk(e.ID)); err != nil {
			return err
		}
		return &replacedError{by}
	}
	return nil
}

// before says whether an account server lists one chunk before another: then the other
// is the later form.
func (p *puller) before(a, b engram.ChunkID) bool {
	if p.asked.Projector != nil {
		return false
	}
	for _, e := range p.There.Entries() {
		switch e.ID {
		case a:
			return true
		case b:
			return false
		}
	}
	return false
}

// retells says whether two chunks of the directory have the same rows with other text.
func (p *puller) retells(a, b engram.ChunkID) bool {
	one, err := readShape(p.local, a)
	if err != nil {
		return false // what is wrong with it is told elsewhere
	}
	other, err := readShape(p.local, b)
	return err == nil && one.Retells(other)
}

func readShape(local Local, id engram.ChunkID) (recognition.Shape, error) {
	c, err := local.OpenChunk(id)
	if err != nil {
		return recognition.Shape{}, err
	}
	defer func() { _ = c.Close() }() // only read
	return engram.ReadRows(c, recognition.ReadShape)
}
