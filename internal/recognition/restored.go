package recognition

import (
	"crypto/sha256"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
)

// Aliases remembers which chunks of a remote are known here under another id:
// reduced chunks, which were restored.
type Aliases interface {
	// Local gives the id here for an id there.
	Local(remote engram.ChunkID) (engram.ChunkID, bool)
	// Restored is Local where any remote had the chunk.
	Restored(id engram.ChunkID) (engram.ChunkID, bool)
	// Add remembers a pair for later runs.
	Add(remote, local engram.ChunkID) error
}

// Twin is a restored chunk beside the true one, which came later by another way
// and holds all that the other does.
type Twin struct{ Restored, True engram.ChunkID }

// findRestored finds out which chunks here were restored from others: by what earlier
// runs remember, and where another machine has restored one, by what it holds.
// No old client has pushed to a project server, where all ids are others.
func (m *Match) findRestored() {
	m.restored = map[engram.ChunkID]engram.ChunkID{}
	if m.opts.Projector == nil {
		m.recogniseRestored()
	}
	for _, e := range m.Here.Entries() {
		local, ok := m.restoredAnywhere(e.ID)
		if ok && m.Holds(e.ID) && m.Here.Has(local) && local != e.ID {
			m.Twins = append(m.Twins, Twin{Restored: local, True: e.ID})
		}
	}
}

// findTwins finds the true ones of chunks here that may have been restored, on whichever
// machine: without them no identity says that the rows are the same.
func (m *Match) findTwins(untimed []engram.ChunkID) {
	for _, id := range untimed {
		restored, ok, err := ReadRestored(m.opts.Local, id)
		if err != nil || !ok || m.IsTwin(id) {
			continue // what is wrong with it is told when it is to move
		}
		for _, e := range m.Here.Entries() {
			if e.ID != id && m.Holds(e.ID) && restored.From(e.ID) && Restores(m.opts.Local, e.ID, id) {
				m.Twins = append(m.Twins, Twin{Restored: id, True: e.ID})
			}
		}
	}
}

// recogniseRestored looks into chunks here that the remote does not list, and of
// which the manifests say the same as of one that it does. What was restored from
// another remote's is left out: this one may have the true chunk, and is asked once.
func (m *Match) recogniseRestored() {
	type origin struct{ by, at string }
	originOf := func(e engram.ChunkEntry) origin { return origin{e.CreatedBy, engram.FormatTime(e.Time())} }
	there := map[origin][]engram.ChunkID{}
	for _, e := range m.There.Entries() {
		if _, known := m.restoredAnywhere(e.ID); !known {
			there[originOf(e)] = append(there[originOf(e)], e.ID)
		}
	}
	for _, e := range m.Here.Entries() {
		candidates := there[originOf(e)]
		if len(candidates) == 0 || m.There.Has(e.ID) || !m.Files[e.ID] {
			continue
		}
		restored, ok, err := ReadRestored(m.opts.Local, e.ID)
		if err != nil || !ok {
			continue // what is wrong with it is told when it is to move
		}
		if at := slices.IndexFunc(candidates, restored.From); at >= 0 {
			m.restored[candidates[at]] = e.ID
		}
	}
}

// restoredOf is the chunk here that was restored from one of the remote.
func (m *Match) restoredOf(id engram.ChunkID) (engram.ChunkID, bool) {
	if m.opts.Aliases != nil {
		if local, ok := m.opts.Aliases.Local(id); ok {
			return local, true
		}
	}
	local, ok := m.restored[id]
	return local, ok
}

// restoredAnywhere is restoredOf where the chunk here may have come from another remote.
func (m *Match) restoredAnywhere(id engram.ChunkID) (engram.ChunkID, bool) {
	if local, ok := m.restoredOf(id); ok || m.opts.Aliases == nil {
		return local, ok
	}
	return m.opts.Aliases.Restored(id)
}

// Superseded are the chunks here that were restored from what the remote lists: the
// true ones, or what an old client left of them. It lacks nothing of theirs.
func (m *Match) Superseded() map[engram.ChunkID]bool {
	of := map[engram.ChunkID]bool{}
	for _, e := range m.There.Entries() {
		if local, ok := m.restoredAnywhere(e.ID); ok && local != e.ID {
			of[local] = true
		}
	}
	return of
}

// IsTwin says whether a chunk here is a restored one, and the true one is here too.
func (m *Match) IsTwin(id engram.ChunkID) bool {
	return slices.ContainsFunc(m.Twins, func(t Twin) bool { return t.Restored == id })
}

// ReadRestored looks into a chunk here for what tells a restored one; ok is false where
// it is none.
func ReadRestored(local Local, id engram.ChunkID) (r mend.Restored, ok bool, err error) {
	c, err := local.OpenChunk(id)
	if err != nil {
		return r, false, err
	}
	defer func() { _ = c.Close() }() // only read
	return mend.ReadRestored(c)
}

// Restores says whether a chunk here holds all that a restored one does.
func Restores(local Local, id, restored engram.ChunkID) bool {
	c, err := local.OpenChunk(id)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }() // only read
	text, _, err := mend.Restore(id, c)
	return err == nil && engram.IDOf(sha256.Sum256(text)) == restored
}
