package readers

import (
	"iter"
	"maps"
)

// Problems are all problems.
func Problems() iter.Seq[Problem] { return maps.Keys(problems) }
