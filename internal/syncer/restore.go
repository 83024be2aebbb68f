package syncer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
)

// Twin is a restored chunk beside the true one, which came later by another way
// and holds all that the other does.
type Twin struct{ Restored, True engram.ChunkID }

// TwinError is the finding about a restored chunk whose true one is here too.
type TwinError struct{ Twin }

func (e *TwinError) Error() string {
	return fmt.Sprintf("it was restored from chunk %s, which is here now: run `engram-sync verify --repair` to retire it", e.True)
}

// restore takes what a server has of a chunk that an old client reduced: it is
// stored with identities for its rows, under the id of these bytes. Chunks that are
// restored are held whole, so it is one at a time.
func (p *puller) restore(ctx context.Context, item Item, store func(*engram.Chunk) error) (entry engram.ChunkEntry, err error) {
	p.restoring.Lock()
	defer p.restoring.Unlock()
	var text []byte
	var rows engram.ChunkRows
	err = p.remote.ReadReduced(ctx, item.Remote, func(c *engram.Chunk) error {
		p.opts.Report.Watch(c)
		text, rows, err = mend.Restore(item.Remote, c)
		return err
	})
	if err != nil {
		return item.Entry, err
	}
	id := engram.IDOf(sha256.Sum256(text))
	if id != item.Remote { // sessions alone lose nothing on the wire
		// Before there is a file that a killed run would leave unknown, to be pushed.
		if err := p.aliases.Add(item.Remote, id); err != nil {
			return item.Entry, err
		}
	}
	entry = item.Entry
	entry.Sessions, entry.Memories, entry.Prompts = len(rows.Sessions), len(rows.Observations), len(rows.Prompts)
	return entry, store(engram.NewChunk(id, io.NopCloser(bytes.NewReader(text)), int64(len(text))))
}

// restorable says whether a reduced chunk is to be restored: not where the file of
// the true one is here, which may be damaged.
func (p *puller) restorable(item Item) bool {
	return !p.opts.Strict && p.aliases != nil && !p.holds(item.Remote)
}

// findRestored finds out which chunks here were restored from others: by what earlier
// runs remember, and where another machine has restored one, by what it holds.
// No old client has pushed to a project server, where all ids are others.
func (s *Diff) findRestored() {
	s.restored = map[engram.ChunkID]engram.ChunkID{}
	if s.projector == nil {
		s.recogniseRestored()
	}
	for _, e := range s.Here.Entries() {
		local, ok := s.restoredAnywhere(e.ID)
		if ok && s.holds(e.ID) && s.Here.Has(local) && local != e.ID {
			s.Twins = append(s.Twins, Twin{Restored: local, True: e.ID})
		}
	}
}

// restoredOf is the chunk here that was restored from one of the remote.
func (s *Diff) restoredOf(id engram.ChunkID) (engram.ChunkID, bool) {
	if s.aliases != nil {
		if local, ok := s.aliases.Local(id); ok {
			return local, true
		}
	}
	local, ok := s.restored[id]
	return local, ok
}

// restoredAnywhere is restoredOf where the chunk here may have come from another remote.
func (s *Diff) restoredAnywhere(id engram.ChunkID) (engram.ChunkID, bool) {
	if local, ok := s.restoredOf(id); ok || s.aliases == nil {
		return local, ok
	}
	return s.aliases.Restored(id)
}

// superseded are the chunks here that were restored from what the remote lists: the
// true ones, or what an old client left of them. It lacks nothing of theirs.
func (s *Diff) superseded() map[engram.ChunkID]bool {
	of := map[engram.ChunkID]bool{}
	for _, e := range s.There.Entries() {
		if local, ok := s.restoredAnywhere(e.ID); ok && local != e.ID {
			of[local] = true
		}
	}
	return of
}

// recogniseAfterPull looks into the chunks that are to be pushed for those that were
// restored, here or on another machine, from what has just come: the server has that.
// What is found is remembered, so that later runs need not look.
func (s *Diff) recogniseAfterPull(ctx context.Context, moved []Moved) {
	if s.projector != nil || s.aliases == nil || len(moved) == 0 || ctx.Err() != nil {
		return
	}
	s.ToPush = slices.DeleteFunc(slices.Clone(s.ToPush), func(item Item) bool {
		restored, ok, err := readRestored(s.local, item.Local)
		if err != nil || !ok {
			return false // what is wrong with it is told when it moves
		}
		at := slices.IndexFunc(moved, func(m Moved) bool { return restored.From(m.Remote) })
		if at >= 0 {
			_ = s.aliases.Add(moved[at].Remote, item.Local) // this run knows it anyway
		}
		return at >= 0
	})
}

// recogniseRestored looks into chunks here that the remote does not list, and of
// which the manifests say the same as of one that it does. What was restored from
// another remote's is left out: this one may have the true chunk, and is asked once.
func (s *Diff) recogniseRestored() {
	type origin struct{ by, at string }
	originOf := func(e engram.ChunkEntry) origin { return origin{e.CreatedBy, engram.FormatTime(e.Time())} }
	there := map[origin][]engram.ChunkID{}
	for _, e := range s.There.Entries() {
		if _, known := s.restoredAnywhere(e.ID); !known {
			there[originOf(e)] = append(there[originOf(e)], e.ID)
		}
	}
	for _, e := range s.Here.Entries() {
		candidates := there[originOf(e)]
		if len(candidates) == 0 || s.There.Has(e.ID) || !s.files[e.ID] {
			continue
		}
		restored, ok, err := readRestored(s.local, e.ID)
		if err != nil || !ok {
			continue // what is wrong with it is told when it is to move
		}
		if at := slices.IndexFunc(candidates, restored.From); at >= 0 {
			s.restored[candidates[at]] = e.ID
		}
	}
}

func readRestored(local Local, id engram.ChunkID) (r mend.Restored, ok bool, err error) {
	c, err := local.OpenChunk(id)
	if err != nil {
		return r, false, err
	}
	defer func() { _ = c.Close() }() // only read
	return mend.ReadRestored(c)
}

// isTwin says whether a chunk here is a restored one, and the true one is here too.
func (s *Diff) isTwin(id engram.ChunkID) bool {
	return slices.ContainsFunc(s.Twins, func(t Twin) bool { return t.Restored == id })
}

// judgeRestored finds restored chunks whose true one is here. untimed are the chunks
// that may be restored ones, all the others.
func (v *verifier) judgeRestored(local Local) {
	for _, id := range v.untimed {
		restored, ok, err := readRestored(local, id)
		if err != nil || !ok {
			continue
		}
		for _, other := range v.good {
			if restored.From(other) && restores(local, other, id) {
				v.note(Finding{ID: id.String(), Where: "here", Err: &TwinError{Twin{Restored: id, True: other}}, Harmless: true})
			}
		}
	}
}

// restores says whether a chunk here holds all that a restored one does.
func restores(local Local, id, restored engram.ChunkID) bool {
	c, err := local.OpenChunk(id)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }() // only read
	text, _, err := mend.Restore(id, c)
	return err == nil && engram.IDOf(sha256.Sum256(text)) == restored
}

// retire takes restored chunks away whose true one is here: first the entry, then
// the file, which can be made again of the true one.
func (r *repairer) retire(ctx context.Context) error {
	for _, f := range slices.Clone(r.done.Findings) {
		twin, ok := errors.AsType[*TwinError](f.Err)
		if !ok {
			continue
		}
		if !r.opts.DryRun {
			if err := r.remove(ctx, twin.Restored); err != nil {
				return err
			}
		}
		r.done.fixed(twin.Restored, FixRetired, fmt.Sprintf("it was restored from chunk %s, which is here", twin.True))
	}
	return nil
}

func (r *repairer) remove(ctx context.Context, id engram.ChunkID) error {
	m, err := r.dir.ReadManifest(ctx)
	if err != nil {
		return err
	}
	next, err := m.Without(id)
	if err != nil {
		return err
	}
	if err := r.dir.ReplaceManifest(ctx, m.Bytes(), next); err != nil {
		return err
	}
	return r.dir.RemoveChunk(id)
}
