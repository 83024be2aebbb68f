package readers

import (
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// fault is why an import or a chunk ends, at which member, and for whom.
type fault struct {
	problem Problem
	field   string
	by      []engram.Generation
}

// faultNo is the place of a fault in faults.
type faultNo uint8

const (
	noFault faultNo = iota
	undecodable
	noEntity
	noOperation
	ownership
	nullOwned
	blankOwned
	blankShared
	wrongTypes // the first of those about a type: one for each member
)

var (
	all     = Generations
	since2  = []engram.Generation{engram.Gen2, engram.Gen3}
	only2   = []engram.Generation{engram.Gen2}
	only3   = []engram.Generation{engram.Gen3}
	reviews = []string{"decision", "policy", "preference"}

	typedFields = fieldsOf(rowTypes)
	faults      = append([]fault{
		undecodable: {Undecodable, "payload", all},
		noEntity:    {Undecodable, "entity", all},
		noOperation: {Undecodable, "op", all},
		ownership:   {Ownership, "ownership_mode", since2},
		nullOwned:   {BlankDirectory, "directory", only3},
		blankOwned:  {BlankDirectory, "directory", only2},
		blankShared: {BlankDirectory, "directory", since2},
	}, wrongTypesOf(typedFields)...)
)

func fieldsOf(lists map[string]types) []string {
	fields := map[string]bool{}
	for _, t := range lists {
		for _, name := range slices.Concat(t.texts, t.integers, t.numbers) {
			fields[name] = true
		}
	}
	return slices.Sorted(maps.Keys(fields))
}

func wrongTypesOf(fields []string) (list []fault) {
	for _, field := range fields {
		list = append(list, fault{WrongType, field, all})
	}
	return list
}

// wrongType is the fault of a member of another type.
func wrongType(field string) faultNo {
	at, _ := slices.BinarySearch(typedFields, field) // it is one of them
	return wrongTypes + faultNo(at)
}

func (f faultNo) of(g engram.Generation) bool {
	return f != noFault && slices.Contains(faults[f].by, g)
}

func (f faultNo) problem() Problem { return faults[f].problem }

func (f faultNo) field() string { return faults[f].field }
