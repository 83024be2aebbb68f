package syncer

import (
	"context"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Survey is what there is on both sides, and what has to move so that both
// have all. Lists are in the order of the manifest that they come from.
type Survey struct {
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

	// Here and There are the two manifests.
	Here, There *engram.Manifest

	local   Local
	remote  Remote
	aliases Aliases
}

// Look compares a directory with a remote. It costs one request. aliases may be nil.
func Look(ctx context.Context, local Local, remote Remote, aliases Aliases) (*Survey, error) {
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
	s := &Survey{Here: here, There: there, Rejected: there.Rejected(), local: local, remote: remote, aliases: aliases}
	s.compare(setOf(files))
	return s, nil
}

func (s *Survey) compare(files map[engram.ChunkID]bool) {
	known := map[engram.ChunkID]bool{} // ids here that the remote has, under whichever name
	for _, e := range s.There.Entries() {
		item := Item{Remote: e.ID, Local: s.localID(e.ID), Entry: e}
		known[item.Local] = true
		if _, listed := s.Here.Entry(item.Local); listed && files[item.Local] {
			s.Present = append(s.Present, item)
			continue
		}
		item.Direction = Pulled
		s.ToPull = append(s.ToPull, item)
	}
	for _, e := range s.Here.Entries() {
		switch {
		case known[e.ID]:
		case files[e.ID]:
			s.ToPush = append(s.ToPush, Item{Local: e.ID, Remote: e.ID, Entry: e, Direction: Pushed})
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

// localID is the id here of a chunk there. A reduced chunk that was accepted
// has another; every other chunk has, or will have, the same.
func (s *Survey) localID(remote engram.ChunkID) engram.ChunkID {
	if s.aliases != nil {
		if local, ok := s.aliases.Local(remote); ok {
			return local
		}
	}
	return remote
}

// Clean says whether there is nothing to do in either direction, and nothing wrong.
func (s *Survey) Clean() bool {
	return len(s.ToPush)+len(s.ToPull)+len(s.Missing)+len(s.Orphans)+len(s.Rejected) == 0
}

// Select finds the chunks that words stand for: ids or beginnings of ids, among
// the chunks that a run with these options is about. One that only the other
// direction could move is not: it would end as "nothing to do". The error is a
// *SelectError.
func (s *Survey) Select(words []string, opts Options) ([]engram.ChunkID, error) {
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
