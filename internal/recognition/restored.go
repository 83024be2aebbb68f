package recognition

import (
	"bytes"
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
	m.restored, m.Retimed = map[engram.ChunkID]engram.ChunkID{}, map[engram.ChunkID]engram.ChunkID{}
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
			if e.ID != id && m.Holds(e.ID) && restored.From(e.ID) && SameReduced(m.opts.Local, e.ID, id) {
				m.Twins = append(m.Twins, Twin{Restored: id, True: e.ID})
			}
		}
	}
}

// recogniseRestored looks into chunks here that the remote does not list, and of
// which the manifests say the same as of one that it does. What was restored from
// another remote's is left out: this one may have the true chunk, and is asked once. So is
// what has another time than there, and is only never sent.
func (m *Match) recogniseRestored() {
	unlisted := m.onlyHere()
	if len(unlisted) == 0 {
		return // nor does anybody need to know what the remote's say
	}
	there := map[origin][]engram.ChunkID{} // what says the same as one of these
	for _, e := range unlisted {
		there[originOf(e)], there[countOf(e)] = nil, nil
	}
	for _, e := range m.There.Entries() {
		for _, of := range []origin{originOf(e), countOf(e)} {
			if ids, asked := there[of]; asked {
				if _, known := m.restoredAnywhere(e.ID); !known {
					there[of] = append(ids, e.ID)
				}
			}
		}
	}
	for _, e := range unlisted {
		same, alike := there[originOf(e)], there[countOf(e)]
		if len(same)+len(alike) == 0 {
			continue
		}
		restored, ok, err := ReadRestored(m.opts.Local, e.ID)
		if err != nil || !ok {
			continue // what is wrong with it is told when it is to move
		}
		if at := slices.IndexFunc(same, restored.From); at >= 0 {
			m.restored[same[at]] = e.ID
		} else if at := slices.IndexFunc(alike, restored.From); at >= 0 {
			m.Retimed[e.ID] = alike[at]
		}
	}
}

// origin is what of an entry stays as it was when a chunk is restored: who, and when or how much.
type origin struct {
	by   string
	at   int64 // in microseconds
	rows [3]int
}

func originOf(e engram.ChunkEntry) origin { return origin{by: e.CreatedBy, at: e.Time().UnixMicro()} }

func countOf(e engram.ChunkEntry) origin {
	return origin{by: e.CreatedBy, rows: [3]int{e.Sessions, e.Memories, e.Prompts}}
}

// onlyHere are the entries of chunks whose file is here and that the remote does not list.
func (m *Match) onlyHere() (entries []engram.ChunkEntry) {
	for _, e := range m.Here.Entries() {
		if !m.There.Has(e.ID) && m.Files[e.ID] {
			entries = append(entries, e)
		}
	}
	return entries
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
	for local := range m.Retimed {
		of[local] = true
	}
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

// RestoredID is the id that a chunk here has where it was restored of what an old client
// left of it; zero if it cannot be read, or has only sessions, which lose nothing.
func RestoredID(local Local, id engram.ChunkID) engram.ChunkID {
	c, err := local.OpenChunk(id)
	if err != nil {
		return engram.ChunkID{}
	}
	defer func() { _ = c.Close() }() // only read
	text, rows, err := mend.Restore(id, c)
	if err != nil || len(rows.Observations)+len(rows.Prompts) == 0 {
		return engram.ChunkID{}
	}
	return engram.IDOf(sha256.Sum256(text))
}

// SameReduced says whether an old client leaves the same of two chunks here.
func SameReduced(local Local, a, b engram.ChunkID) bool {
	one, err := reduced(local, a)
	if err != nil {
		return false
	}
	other, err := reduced(local, b)
	return err == nil && bytes.Equal(one, other)
}

func reduced(local Local, id engram.ChunkID) ([]byte, error) {
	c, err := local.OpenChunk(id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // only read
	return mend.Reduce(c)
}
