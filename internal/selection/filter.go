// Package selection is what --include and --exclude choose: rows, and chunks by what is in them. Commands read it from
// what was typed, and whoever moves chunks or rows asks it.
package selection

import (
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// Filter says what is wanted. The zero value is everything.
type Filter struct {
	any  []clause // of each, which are of one key, one condition has to hold
	none []condition
}

// clause is what one key may be.
type clause []condition

// condition is KEY=VALUE.
type condition struct {
	key   string
	value string // of a project its key, of a type its small letters, of a time what was typed
	at    int64  // of a time: as rowtime.Instant, the first moment of since, the first behind until
	moves bool   // at is counted from now
}

const (
	byProject = "project"
	byType    = "type"
	bySince   = "since"
	byUntil   = "until"
)

// Keys are those that a condition can have.
func Keys() []string { return []string{byProject, byType, bySince, byUntil} }

// Subject is what a filter is asked about: a row, or a chunk with all that is in it.
type Subject struct {
	Projects []string // as engram.ProjectKey
	Types    []string // as Type gives them
	// NoProject and NoType say that something of it does not tell whose, or what, it is.
	NoProject, NoType bool
	At                int64 // rowtime.Instant; 0 is not known
	Ahead             int64 // nanoseconds that the clock of At is before the one that a filter was counted from
}

// Row is the subject that a row is, each "" if it does not tell.
func Row(project, kind, at string) Subject {
	s := Subject{NoProject: project == "", NoType: kind == "", At: rowtime.Instant(at)}
	if !s.NoProject {
		s.Projects = []string{engram.ProjectKey(project)}
	}
	if !s.NoType {
		s.Types = []string{Type(kind)}
	}
	return s
}

// Type is how a filter calls the type of a memory, or the kind of another row.
func Type(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

// IsZero says that everything is wanted.
func (f Filter) IsZero() bool { return len(f.any)+len(f.none) == 0 }

// Wants says whether a subject is wanted: of each key that has to be something one value is told of it, or it does not
// tell all, and nothing that must not be is. What does not tell cannot be left out for it: a deletion names no type, and
// who misses one keeps what is deleted.
func (f Filter) Wants(s Subject) bool {
	return !slices.ContainsFunc(f.any, func(c clause) bool {
		return !slices.ContainsFunc(c, func(one condition) bool { return one.holds(s) || one.untold(s) })
	}) && !slices.ContainsFunc(f.none, func(one condition) bool { return one.holds(s) })
}

// holds says that something of the subject is what the condition says.
func (c condition) holds(s Subject) bool {
	switch c.key {
	case byProject:
		return slices.Contains(s.Projects, c.value)
	case byType:
		return slices.Contains(s.Types, c.value)
	case bySince:
		return s.At != 0 && s.At >= c.moment(s)
	}
	return s.At != 0 && s.At < c.moment(s)
}

// moment is the one of a time, by the clock that the subject's time is of.
func (c condition) moment(s Subject) int64 {
	if c.moves {
		return c.at + s.Ahead
	}
	return c.at
}

func (c condition) untold(s Subject) bool {
	switch c.key {
	case byProject:
		return s.NoProject
	case byType:
		return s.NoType
	}
	return s.At == 0
}

// And is what both want.
func (f Filter) And(other Filter) Filter {
	return Filter{any: slices.Concat(f.any, other.any), none: slices.Concat(f.none, other.none)}
}

// AsksRows says that a chunk has to be read to know whether it is wanted.
func (f Filter) AsksRows() bool { return f.asks(byProject) || f.asks(byType) }

// AsksProject says that it matters whose something is.
func (f Filter) AsksProject() bool { return f.asks(byProject) }

func (f Filter) asks(key string) bool {
	return slices.ContainsFunc(f.any, func(c clause) bool { return c[0].key == key }) ||
		slices.ContainsFunc(f.none, func(c condition) bool { return c.key == key })
}

// Moving says which condition leaves out today what it would want tomorrow, as if typed; "" is none. Who reads on from
// where the last run ended never sees that again.
func (f Filter) Moving() string {
	for _, clause := range f.any {
		for _, c := range clause {
			if c.moves && c.key == byUntil {
				return "--include " + c.String()
			}
		}
	}
	for _, c := range f.none {
		if c.moves && c.key == bySince {
			return "--exclude " + c.String()
		}
	}
	return ""
}

// String is the filter as if typed, the same for all that want the same in other words.
func (f Filter) String() string {
	var words []string
	for _, clause := range f.any {
		for _, c := range clause {
			words = append(words, "--include "+c.String())
		}
	}
	for _, c := range f.none {
		words = append(words, "--exclude "+c.String())
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}

func (c condition) String() string { return c.key + "=" + c.value }

// Memories wants memories of some types, and all rows that are none.
func Memories(types []string) Filter {
	if len(types) == 0 {
		return Filter{}
	}
	var c clause
	for _, t := range slices.Concat(kinds, types) {
		c = append(c, condition{key: byType, value: Type(t)})
	}
	return Filter{any: []clause{c}}
}

// Since wants what is of a time or later; the zero time is everything.
func Since(at time.Time) Filter {
	if at.IsZero() {
		return Filter{}
	}
	return Filter{any: []clause{{{key: bySince, at: instant(at), value: at.UTC().Format(time.RFC3339Nano)}}}}
}

// instant is a time as rowtime.Instant has it.
func instant(t time.Time) int64 { return rowtime.Instant(t.UTC().Format(time.RFC3339Nano)) }

// Types are those of memories that the filter names. What is no memory has a kind, and no type.
func (f Filter) Types() (names []string) {
	for _, c := range slices.Concat(slices.Concat(f.any...), f.none) {
		if c.key == byType && !IsKind(c.value) && !slices.Contains(names, c.value) {
			names = append(names, c.value)
		}
	}
	return names
}

// kinds are what a row can be that is no memory, as a filter calls it.
var kinds = []string{"prompt", "session", "relation"}

// IsKind says that a type asks for rows that are no memories.
func IsKind(kind string) bool { return slices.Contains(kinds, Type(kind)) }
