// Package recognition finds out which chunks of two sides are the same although their
// ids differ: what chunks become on a remote that keeps the rows of one project in a
// form of its own, what such a remote holds in yet another form, by its rows, and what
// was restored of chunks that old clients reduced. The syncer asks it before it plans;
// disks, networks and projections are behind its interfaces.
package recognition

import (
	"context"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Sides are what is compared: two manifests, and the chunk files that are here.
type Sides struct {
	Here, There *engram.Manifest
	Files       map[engram.ChunkID]bool
}

// Holds says whether the directory lists a chunk, and has its file.
func (s Sides) Holds(id engram.ChunkID) bool { return s.Here.Has(id) && s.Files[id] }

// Local is a chunk directory.
type Local interface {
	OpenChunk(id engram.ChunkID) (*engram.Chunk, error)
}

// Remote is a server. It is asked concurrently.
type Remote interface {
	ReadChunk(ctx context.Context, id engram.ChunkID, store func(*engram.Chunk) error) (*engram.ChunkEntry, error)
}

// Options are whom to ask. Zero values mean that there is nothing to know, but for the
// two sides.
type Options struct {
	Local     Local
	Remote    Remote
	Aliases   Aliases
	Projector Projector
	// Fatal says of an error in reading a chunk of the remote that what it holds cannot
	// be taken for nothing: its rows would be sent a second time. nil: none is.
	Fatal func(error) bool
	// Concurrency is how many chunks of the remote are read at once, Report hears of that.
	Concurrency int
	Report      work.Report
	// Early is called once, before the chunks here are read to be projected, where the remote has
	// nothing: then each of these becomes what the Projector says, whatever it is. nil: nobody
	// wants to know.
	Early func(ctx context.Context, ids []engram.ChunkID)
}

// Match says which chunks are the same.
type Match struct {
	Sides
	// Twins are restored chunks beside the true ones.
	Twins []Twin
	// Retimed are chunks here that were restored from what the remote lists with another
	// time, and from which of it.
	Retimed map[engram.ChunkID]engram.ChunkID
	// Projected is what chunks here become on the remote, by their ids, where it keeps
	// them in a form of its own. Of those it lists under their own ids nobody needs that.
	Projected map[engram.ChunkID]Projection

	opts     Options
	restored map[engram.ChunkID]engram.ChunkID   // besides the aliases: by what they were restored from
	covered  map[engram.ChunkID][]engram.ChunkID // chunks there whose rows are all here, by which
	sharing  map[engram.ChunkID]engram.ChunkID   // chunks here, with one there that has rows of theirs
	also     map[engram.ChunkID][]engram.ChunkID // other ids of chunks that both list
}

// Find compares two sides. It costs no request, but for chunks of a project server that
// nobody here knows, while some of ours are not there.
func Find(ctx context.Context, sides Sides, opts Options) (*Match, error) {
	m := &Match{Sides: sides, opts: opts}
	m.findRestored()
	if opts.Projector == nil {
		return m, nil
	}
	return m, m.project(ctx)
}

// LocalID is the id here of a chunk there. A reduced chunk that was restored has
// another, until the true one is here; every other chunk has, or will have, the same.
func (m *Match) LocalID(remote engram.ChunkID) engram.ChunkID {
	if m.Holds(remote) {
		return remote
	}
	if local, ok := m.restoredOf(remote); ok {
		return local
	}
	return remote
}

// Origins says of every chunk of the remote that is here in another form which
// chunks those are: what they become, and what was recognised.
func (m *Match) Origins() map[engram.ChunkID][]engram.ChunkID {
	if m.opts.Projector == nil {
		return nil
	}
	of := make(map[engram.ChunkID][]engram.ChunkID, len(m.covered))
	for id, by := range m.covered {
		of[id] = slices.Clone(by)
	}
	for _, e := range m.Here.Entries() {
		seen := map[engram.ChunkID]bool{}
		for _, id := range m.also[e.ID] {
			of[id] = append(of[id], e.ID)
		}
		for _, part := range m.Projected[e.ID].Parts {
			for _, id := range part.IDs() {
				if !seen[id] {
					of[id] = append(of[id], e.ID)
				}
				seen[id] = true
			}
		}
	}
	return of
}

// Sharing gives a chunk of the remote, in another form, that has rows of one here.
func (m *Match) Sharing(local engram.ChunkID) (engram.ChunkID, bool) {
	there, ok := m.sharing[local]
	return there, ok
}

// Unreadable are the chunks here that could not be projected, in order.
func (m *Match) Unreadable() []engram.ChunkID {
	var ids []engram.ChunkID
	for _, e := range m.Here.Entries() {
		if m.Projected[e.ID].Err != nil {
			ids = append(ids, e.ID)
		}
	}
	return ids
}
