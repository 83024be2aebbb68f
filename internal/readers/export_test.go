package readers

import (
	"iter"
	"maps"
)

// Problems are all problems.
func Problems() iter.Seq[Problem] { return maps.Keys(problems) }

// Bare is a chunk without what only counts while it is filled.
func Bare(c *Chunk) Chunk {
	bare := *c
	bare.blanks = nil
	if len(bare.ops) == 0 {
		bare.ops = nil
	}
	return bare
}
