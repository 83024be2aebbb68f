package config

import (
	"slices"
	"strings"
)

const typesKey = "types"

// noTypes is a list of types that nothing is of.
const noTypes = "none"

// lessen takes from the types that a repository's file chooses what the user's own does not choose: a file that anybody may
// have written only ever lessens what leaves the machine.
func (l layer) lessen(user layer) {
	theirs, chosen := l.values[typesKey].(string)
	mine, choosy := user.values[typesKey].(string)
	if !chosen || !choosy {
		return
	}
	mineToo := slices.DeleteFunc(strings.Split(theirs, ","), func(word string) bool { return !slices.Contains(strings.Split(mine, ","), word) })
	if l.values[typesKey] = strings.Join(mineToo, ","); len(mineToo) == 0 {
		l.values[typesKey] = noTypes
	}
}
