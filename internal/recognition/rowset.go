package recognition

import (
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// RowSet is the rows that somebody has, by their signatures.
type RowSet struct {
	// Unfilled rows may be elsewhere with their blanks filled, by whichever rule.
	Unfilled bool

	rows map[rowKey][]Signature
}

type rowKey struct {
	kind engram.RowKind
	row  engram.RowHash
}

func (v Signature) key() rowKey { return rowKey{v.Kind, v.Row} }

// Add adds rows.
func (s *RowSet) Add(rows []Signature) {
	if s.rows == nil {
		s.rows = map[rowKey][]Signature{}
	}
	for _, v := range rows {
		if !slices.Contains(s.rows[v.key()], v) {
			s.rows[v.key()] = append(s.rows[v.key()], v)
		}
	}
}

// Has says whether v is there, or a newer version of the same row: one that says the
// same and lacks nothing of it. Of two edits none is the other, whatever was filled.
func (s *RowSet) Has(v Signature) bool {
	return slices.ContainsFunc(s.rows[v.key()], func(k Signature) bool {
		return k.Supersedes(v.RowVersion) || (k.Content == v.Content || v.Content == bareSession) && s.gives(k, v)
	})
}

// bareSession is a session that has neither ended nor been summed up, of which every
// version of it holds all.
var bareSession = engram.Session{}.Version().Content

// gives says whether k has all that v may lack and does not. What has less than was
// lost on the way, and is no other version.
func (s *RowSet) gives(k, v Signature) bool {
	for i, given := range v.Given {
		blank := s.Unfilled && i < fillable && k.Given[i] == 0 && !v.Supersedes(k.RowVersion)
		if given != 0 && given != k.Given[i] && !blank {
			return false
		}
	}
	return true
}

// shares says whether some version of one of these rows is in the set.
func (s *RowSet) shares(rows []Signature) bool {
	return slices.ContainsFunc(rows, func(v Signature) bool { return len(s.rows[v.key()]) > 0 })
}

// HasSession says whether any version of a session is there.
func (s *RowSet) HasSession(id string) bool {
	return len(s.rows[rowKey{engram.SessionRow, engram.Session{ID: id}.Version().Row}]) > 0
}
