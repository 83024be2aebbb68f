// Package difference finds what differs between two states of the same memories, by identity, and between two texts, by line. It
// keeps no text of a state but sums, and knows no disk; the command diff calls it.
package difference

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
)

// titleBytes is how much of a title is kept.
const titleBytes = 300

// Memory is the newest version of a row in a state that has a text, without that text.
type Memory struct {
	history.Identity
	Type, Project, Session, Scope string
	Title                         string // history.Headline, cut
	// Chunk and Order are where it stands: the number that Add got, and its place in those rows.
	Chunk, Order int

	sum engram.RowHash
}

// State is what is said of memories in one place. Its zero value is empty. Add may be called by several goroutines.
type State struct {
	mu   sync.Mutex
	rows map[history.Identity]*standing
}

// standing is what is known of one row.
type standing struct {
	memory Memory
	has    bool            // a version with a text, which is
	at     history.Version // this one
	last   history.Version // of all versions
	gone   bool
}

// Add adds the rows of a chunk, which is the nth of its place and was made at a moment (nanoseconds since 1970, 0 if nobody says).
func (s *State) Add(chunk int, moment int64, rows []history.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = map[history.Identity]*standing{}
	}
	for i := range rows {
		row := &rows[i]
		v := history.Version{Moment: cmp.Or(row.Moment(), moment), Place: chunk, Order: i, State: row.State}
		known := s.rows[row.Of()]
		if known == nil {
			known = &standing{last: v}
			s.rows[row.Of()] = known
		}
		if v.Compare(known.last) >= 0 {
			known.last, known.gone = v, v.State != history.Kept
		}
		if v.State == history.Removed || known.has && v.Compare(known.at) <= 0 {
			continue
		}
		known.has, known.at = true, v
		known.memory = Memory{
			Identity: row.Of(), Type: row.Type, Project: row.Project, Session: row.Session, Scope: row.Scope,
			Title: cut(row.Headline()), Chunk: chunk, Order: i, sum: row.Sum(),
		}
	}
}

// Identities are those of all rows of which something is said.
func (s *State) Identities() iter.Seq[history.Identity] { return maps.Keys(s.rows) }

// cut is a text that holds nothing else in memory.
func cut(text string) string {
	if len(text) > titleBytes {
		text = strings.ToValidUTF8(text[:titleBytes], "") + "…"
	}
	return strings.Clone(text)
}

// Kind is what became of a memory.
type Kind string

// The kinds.
const (
	Added   Kind = "added"
	Edited  Kind = "edited"
	Deleted Kind = "deleted"
)

// Change is a memory that is not the same in two states.
type Change struct {
	Kind Kind
	// Before is nil where the memory was not there, or deleted, and After likewise.
	Before, After *Memory
	// Absent: it was not deleted, but the second state says nothing of it.
	Absent bool
}

// Of is the memory, as the second state has it if it does.
func (c *Change) Of() *Memory { return cmp.Or(c.After, c.Before) }

// Between gives what changed from a to b: what was added, then what was edited, then what was deleted, each by age.
func Between(a, b *State) (changes []Change) {
	for id, after := range b.rows {
		before := a.rows[id]
		had, has := before.memoryThere(), after.memoryThere()
		switch {
		case had == nil && has != nil:
			changes = append(changes, Change{Kind: Added, After: has})
		case had != nil && has == nil:
			changes = append(changes, Change{Kind: Deleted, Before: had})
		case had != nil && (had.sum != has.sum || otherProject(had.Project, has.Project)):
			changes = append(changes, Change{Kind: Edited, Before: had, After: has})
		}
	}
	for id, before := range a.rows {
		if had := before.memoryThere(); had != nil && b.rows[id] == nil {
			changes = append(changes, Change{Kind: Deleted, Before: had, Absent: true})
		}
	}
	order := []Kind{Added, Edited, Deleted}
	slices.SortFunc(changes, func(x, y Change) int {
		m, n := x.Of(), y.Of()
		return cmp.Or(cmp.Compare(slices.Index(order, x.Kind), slices.Index(order, y.Kind)), cmp.Compare(m.Chunk, n.Chunk), cmp.Compare(m.Order, n.Order),
			strings.Compare(m.Kind, n.Kind), strings.Compare(m.ID, n.ID))
	})
	return changes
}

func (s *standing) memoryThere() *Memory {
	if s == nil || s.gone || !s.has {
		return nil
	}
	return &s.memory
}

// otherProject says whether two rows are of two projects. A row that has none may be of its session's, which stands in another chunk.
func otherProject(a, b string) bool {
	return a != "" && b != "" && engram.ProjectKey(a) != engram.ProjectKey(b)
}
