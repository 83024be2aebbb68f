package syncer

import (
	"context"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Diff is what there is on both sides, and what has to move so that both
// have all. Lists are in the order of the manifest that they come from.
type Diff struct {
	// ToPush are chunks that only the directory has.
	ToPush []Item
	// ToPull are chunks that only the remote has, or whose file is missing here.
	ToPull []Item
	// Elsewhere are chunks that only the remote has, and that are known to be another
	// project's: they are not pulled.
	Elsewhere []Item
	// Present are chunks that both list.
	Present []Item
	// Missing are entries of the directory whose file is nowhere: neither here
	// nor on the remote.
	Missing []engram.ChunkEntry
	// Orphans are chunk files that neither manifest names.
	Orphans []engram.ChunkID
	// Rejected are entries of the remote that can't be taken, Foreign those of
	// the directory: each is kept as it is, and fails.
	Rejected, Foreign []engram.RejectedEntry
	// ServerMade are chunks of the remote that the server made itself of
	// mutations, and that are not wanted.
	ServerMade []engram.ChunkEntry
	// Twins are restored chunks beside the true ones: they are in nobody's way, and
	// never pushed.
	Twins []Twin
	// Omitted are the chunks of which something, or all, does not go to the remote.
	Omitted []Projection

	// Here and There are the two manifests.
	Here, There *engram.Manifest

	files        map[engram.ChunkID]bool           // that are here
	restored     map[engram.ChunkID]engram.ChunkID // besides the aliases: by what they were restored from
	local        Local
	remote       Remote
	aliases      Aliases
	serverChunks bool
	choice       *Choice // nil: all chunks are wanted
	projector    Projector
	projected    map[engram.ChunkID]Projection
	covered      map[engram.ChunkID][]engram.ChunkID // chunks there whose rows are all here, by which
	sharing      map[engram.ChunkID]engram.ChunkID   // chunks here, with one there that has rows of theirs
	fatal        func(error) bool
}

// CompareOptions are what Compare needs to know of the remote. Zero values mean that
// there is nothing to know.
type CompareOptions struct {
	Aliases Aliases
	// Projector gives the Projector of a remote that needs one, or nil. It is
	// called after the remote's manifest was read: only then is it known for
	// sure what kind of server it is.
	Projector func() Projector
	// Choice gives which chunks are wanted, or nil if all are. It is called when
	// Projector is.
	Choice func() *Choice
	// ServerChunks takes the chunks that a project server made itself of
	// mutations: they repeat the journal, and can revive deleted memories.
	ServerChunks bool
	// Fatal says of an error in reading a chunk of the remote that what it holds cannot
	// be taken for nothing: its rows would be sent a second time. nil: none is.
	Fatal func(error) bool
}

// Compare compares a directory with a remote. It costs one request.
func Compare(ctx context.Context, local Local, remote Remote, opts CompareOptions) (*Diff, error) {
	here, err := local.ReadManifest(ctx)
	if err != nil {
		return nil, err
	}
	there, err := remote.ReadManifest(ctx)
	if err != nil {
		return nil, err
	}
	s := &Diff{There: there, Rejected: there.Rejected(), local: local, remote: remote, aliases: opts.Aliases, serverChunks: opts.ServerChunks, fatal: opts.Fatal}
	if opts.Projector != nil {
		s.projector = opts.Projector()
	}
	if opts.Choice != nil {
		s.choice = opts.Choice()
	}
	return s.against(ctx, here)
}

// against is the same comparison with another manifest here.
func (s *Diff) against(ctx context.Context, here *engram.Manifest) (*Diff, error) {
	next := &Diff{
		Here: here, There: s.There, Rejected: s.Rejected, Foreign: here.Rejected(),
		local: s.local, remote: s.remote, aliases: s.aliases, serverChunks: s.serverChunks, choice: s.choice, projector: s.projector, fatal: s.fatal,
	}
	files, _, err := s.local.Chunks(ctx)
	if err != nil {
		return nil, err
	}
	next.files = setOf(files)
	next.findRestored()
	if err := next.project(ctx, next.files); err != nil {
		return nil, err
	}
	next.compare(next.files)
	return next, nil
}

// compare puts every chunk of both sides into its list.
func (s *Diff) compare(files map[engram.ChunkID]bool) {
	origins := s.origins()
	whole := map[engram.ChunkID]bool{} // by the id here: what the remote has, and not as parts
	for _, e := range s.There.Entries() {
		item := Item{Remote: e.ID, Local: s.localID(e.ID), Entry: e}
		kind := s.classify(e, files, origins)
		whole[item.Local] = whole[item.Local] || kind != inParts
		switch kind {
		case present:
			s.Present = append(s.Present, item)
		case inParts:
			for _, item.Local = range origins[e.ID] {
				s.Present = append(s.Present, item)
			}
		case unwanted:
			s.ServerMade = append(s.ServerMade, e)
		case absent:
			item.Direction = work.Pulled
			if s.isLeft(item) {
				s.Elsewhere = append(s.Elsewhere, item)
				continue
			}
			s.ToPull = append(s.ToPull, item)
		}
	}
	inBoth := map[engram.ChunkID]bool{}
	for _, item := range s.Present {
		inBoth[item.Local] = true
	}
	superseded := s.superseded()
	for _, e := range s.Here.Entries() {
		p, projected := s.projected[e.ID]
		switch {
		case whole[e.ID], s.isTwin(e.ID), superseded[e.ID] && files[e.ID]:
		case projected:
			s.pushParts(e, p, inBoth)
		case files[e.ID]:
			s.ToPush = append(s.ToPush, Item{Local: e.ID, Remote: e.ID, Entry: e, Direction: work.Pushed})
		default:
			s.Missing = append(s.Missing, e)
		}
	}
	for id := range files {
		if !s.Here.Names(id) && !whole[id] {
			s.Orphans = append(s.Orphans, id)
		}
	}
	slices.SortFunc(s.Orphans, engram.ChunkID.Compare)
}

// presence is how a chunk of the remote is here.
type presence int

const (
	absent   presence = iota
	present           // under the same id, or restored under another
	inParts           // chunks here become it, or became it in runs with other options
	unwanted          // absent, and the server made it itself
)

// classify finds out how a chunk of the remote is here. An entry of our own
// counts first: a chunk that both list is that chunk, and comes again if its file
// is gone, whatever else becomes the same. Parts of ours are never pulled, whoever
// the entry says made them.
func (s *Diff) classify(e engram.ChunkEntry, files map[engram.ChunkID]bool, origins map[engram.ChunkID][]engram.ChunkID) presence {
	local := s.localID(e.ID)
	switch {
	case s.Here.Names(local) && files[local]:
		return present
	case s.Here.Names(local):
		return absent
	case len(origins[e.ID]) > 0:
		return inParts
	case s.serverMade(e) && !s.serverChunks:
		return unwanted
	}
	return absent
}

// serverMade says whether a project server made the chunk itself. Source:
// project-server.md 3.6.
func (s *Diff) serverMade(e engram.ChunkEntry) bool {
	return s.projector != nil && (e.CreatedBy == "mutation-push" || e.CreatedBy == "mutation-backfill")
}

// localID is the id here of a chunk there. A reduced chunk that was restored has
// another, until the true one is here; every other chunk has, or will have, the same.
func (s *Diff) localID(remote engram.ChunkID) engram.ChunkID {
	if s.holds(remote) {
		return remote
	}
	if local, ok := s.restoredOf(remote); ok {
		return local
	}
	return remote
}

// Clean says whether there is nothing to do in either direction, and nothing wrong.
func (s *Diff) Clean() bool {
	return len(s.ToPush)+len(s.ToPull)+len(s.Missing)+len(s.Orphans)+len(s.Rejected)+len(s.Foreign)+len(s.unreadable()) == 0
}

// absent are the chunks here that the remote does not hold, or not all of them.
func (s *Diff) absent() []engram.ChunkID {
	var ids []engram.ChunkID
	for _, item := range s.ToPush {
		ids = append(ids, item.Local)
	}
	return slices.Compact(ids) // the parts of a chunk follow each other
}

// Pushes are the chunks here of which something would be pushed, each once,
// and those that cannot be read, which a push would find out.
func (s *Diff) Pushes() []engram.ChunkID {
	return append(s.absent(), s.unreadable()...)
}
