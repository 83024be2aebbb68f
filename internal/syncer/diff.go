package syncer

import (
	"context"
	"fmt"
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
	// Present are chunks that both list.
	Present []Item
	// Missing are entries of the directory whose file is nowhere: neither here
	// nor on the remote.
	Missing []engram.ChunkEntry
	// Orphans are chunk files that neither manifest names.
	Orphans []engram.ChunkID
	// Rejected are entries of the remote that can't be taken.
	Rejected []engram.RejectedEntry
	// ServerMade are chunks of the remote that the server made itself of
	// mutations, and that are not wanted.
	ServerMade []engram.ChunkEntry
	// Behind are the chunks of which something, or all, does not go to the remote.
	Omitted []LeftBehind

	// Here and There are the two manifests.
	Here, There *engram.Manifest

	local     Local
	remote    Remote
	aliases   Aliases
	projector Projector
	projected map[engram.ChunkID]Projected
	variants  map[engram.ChunkID][]Variant
}

// CompareOptions are what Compare needs to know of the remote. Zero values mean that
// there is nothing to know.
type CompareOptions struct {
	Aliases Aliases
	// Projector gives the Projector of a remote that needs one, or nil. It is
	// called after the remote's manifest was read: only then is it known for
	// sure what kind of server it is.
	Projector func() Projector
	// ServerChunks takes the chunks that a project server made itself of
	// mutations: they repeat the journal, and can revive deleted memories.
	ServerChunks bool
}

// Compare compares a directory with a remote. It costs one request.
func Compare(ctx context.Context, local Local, remote Remote, opts CompareOptions) (*Diff, error) {
	here, err := local.ReadManifest(ctx)
	if err != nil {
		return nil, err
	}
	files, _, err := local.Chunks(ctx)
	if err != nil {
		return nil, err
	}
	there, err := remote.ReadManifest(ctx)
	if err != nil {
		return nil, err
	}
	s := &Diff{Here: here, There: there, Rejected: there.Rejected(), local: local, remote: remote, aliases: opts.Aliases}
	if opts.Projector != nil {
		s.projector = opts.Projector()
	}
	set := setOf(files)
	if err := s.project(ctx, set); err != nil {
		return nil, err
	}
	s.compare(set, opts.ServerChunks)
	return s, nil
}

func (s *Diff) compare(files map[engram.ChunkID]bool, serverChunks bool) {
	known := map[engram.ChunkID]bool{} // ids here that the remote has, under whichever name
	parts := s.partsHere()
	for _, e := range s.There.Entries() {
		item := Item{Remote: e.ID, Local: s.localID(e.ID), Entry: e}
		_, listed := s.Here.Entry(item.Local)
		if of := parts[e.ID]; !listed && len(of) > 0 {
			for _, local := range of {
				s.Present = append(s.Present, Item{Local: local, Remote: e.ID, Entry: e})
			}
			continue
		}
		known[item.Local] = true
		if !listed && !serverChunks && s.serverMade(e) {
			s.ServerMade = append(s.ServerMade, e)
			continue
		}
		if listed && files[item.Local] {
			s.Present = append(s.Present, item)
			continue
		}
		item.Direction = work.Pulled
		s.ToPull = append(s.ToPull, item)
	}
	for _, e := range s.Here.Entries() {
		p, projected := s.parts(e.ID)
		switch {
		case known[e.ID]:
		case projected:
			s.pushParts(e, p)
		case files[e.ID]:
			s.ToPush = append(s.ToPush, Item{Local: e.ID, Remote: e.ID, Entry: e, Direction: work.Pushed})
		default:
			s.Missing = append(s.Missing, e)
		}
	}
	for id := range files {
		if _, listed := s.Here.Entry(id); !listed && !known[id] {
			s.Orphans = append(s.Orphans, id)
		}
	}
	sortIDs(s.Orphans)
}

// partsHere says of everything that the chunks here become, or may have become
// in other runs, which chunks those are.
func (s *Diff) partsHere() map[engram.ChunkID][]engram.ChunkID {
	of := map[engram.ChunkID][]engram.ChunkID{}
	for _, e := range s.Here.Entries() {
		mine := map[engram.ChunkID]bool{}
		for _, part := range s.projected[e.ID].Parts {
			mine[part.ID] = true
		}
		for _, v := range s.variants[e.ID] {
			for _, id := range v.Parts {
				mine[id] = true
			}
		}
		for id := range mine {
			of[id] = append(of[id], e.ID)
		}
	}
	return of
}

// serverMade says whether a project server made the chunk itself. Source:
// project-server.md 3.6.
func (s *Diff) serverMade(e engram.ChunkEntry) bool {
	return s.projector != nil && (e.CreatedBy == "mutation-push" || e.CreatedBy == "mutation-backfill")
}

// localID is the id here of a chunk there. A reduced chunk that was accepted
// has another; every other chunk has, or will have, the same.
func (s *Diff) localID(remote engram.ChunkID) engram.ChunkID {
	if s.aliases != nil {
		if local, ok := s.aliases.Local(remote); ok {
			return local
		}
	}
	return remote
}

// Clean says whether there is nothing to do in either direction, and nothing wrong.
func (s *Diff) Clean() bool {
	return len(s.ToPush)+len(s.ToPull)+len(s.Missing)+len(s.Orphans)+len(s.Rejected)+len(s.unreadable()) == 0
}

// Pushes are the chunks here of which something would be pushed, each once,
// and those that cannot be read, which a push would find out.
func (s *Diff) Pushes() []engram.ChunkID {
	var ids []engram.ChunkID
	for _, item := range s.ToPush {
		ids = append(ids, item.ID())
	}
	return slices.Compact(append(ids, s.unreadable()...)) // the parts of a chunk follow each other
}

// Select finds the chunks that words stand for: ids or beginnings of ids, among
// the chunks that a run with these options is about. One that only the other
// direction could move is not: it would end as "nothing to do". The error is a
// *SelectError.
func (s *Diff) Select(words []string, opts Options) ([]engram.ChunkID, error) {
	lists := [][]Item{s.Present}
	var all []engram.ChunkID
	if opts.Push {
		lists = append(lists, s.ToPush)
	}
	if opts.Pull {
		lists = append(lists, s.ToPull)
		all = append(all, s.Orphans...)
	}
	for _, list := range lists {
		for _, item := range list {
			all = append(all, item.ID())
		}
	}
	if opts.Push {
		for _, b := range s.Omitted {
			all = append(all, b.ID)
		}
		all = append(all, s.unreadable()...)
	}
	for _, e := range s.Missing {
		all = append(all, e.ID)
	}
	return Select(words, all)
}

// SelectError says that a word stands for no chunk, or for several.
type SelectError struct {
	Word    string
	Matches int
}

func (e *SelectError) Error() string {
	if e.Matches == 0 {
		return fmt.Sprintf("no chunk has an id that begins with %.40q", e.Word)
	}
	return fmt.Sprintf("%q is the beginning of %d chunk ids: give more digits", e.Word, e.Matches)
}
