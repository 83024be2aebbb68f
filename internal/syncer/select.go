package syncer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Select finds, for each word, the one id of all that begins with it. The ids
// come in the order of the words, each once. The error is a *SelectError.
func Select(words []string, all []engram.ChunkID) ([]engram.ChunkID, error) {
	var found []engram.ChunkID
	for _, word := range words {
		matches := map[engram.ChunkID]bool{}
		for _, id := range all {
			if word != "" && strings.HasPrefix(id.String(), word) {
				matches[id] = true
			}
		}
		if len(matches) != 1 {
			return nil, &SelectError{Word: word, Matches: len(matches)}
		}
		for id := range matches {
			if !slices.Contains(found, id) {
				found = append(found, id)
			}
		}
	}
	return found, nil
}

// Select finds the chunks that words stand for: ids or beginnings of ids, among
// the chunks that a run with these options is about. One that only the other
// direction could move is not: it would end as "nothing to do". The error is a
// *SelectError.
func (s *Diff) Select(words []string, opts Options) ([]engram.ChunkID, error) {
	if len(words) == 0 {
		return nil, nil
	}
	all := slices.Concat(s.Orphans, s.PutBack())
	for _, p := range s.Present {
		all = append(all, p.Local)
	}
	var items []Item
	if opts.Pull {
		items = slices.Concat(s.ToPull, s.Elsewhere, itemsOf(s.Replaced))
	}
	if opts.Push {
		items, all = append(items, s.ToPush...), append(all, s.Unreadable()...)
		for _, p := range s.Omitted {
			all = append(all, p.ID)
		}
	}
	for _, item := range items {
		all = append(all, item.ID())
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

// choose keeps the items that a run is limited to.
func (o Options) choose(items []Item) []Item {
	if len(o.Only) == 0 {
		return items
	}
	only := setOf(o.Only)
	return slices.DeleteFunc(slices.Clone(items), func(i Item) bool { return !only[i.ID()] })
}

// choosePairs is choose for what does not move.
func (o Options) choosePairs(pairs []Pair) []Pair {
	if len(o.Only) == 0 {
		return pairs
	}
	only := setOf(o.Only)
	return slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return !only[p.Local] })
}

// wants says whether the run is about the chunk.
func (o Options) wants(id engram.ChunkID) bool {
	return len(o.Only) == 0 || slices.Contains(o.Only, id)
}

func setOf(ids []engram.ChunkID) map[engram.ChunkID]bool {
	set := make(map[engram.ChunkID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}
