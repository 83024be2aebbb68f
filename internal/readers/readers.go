// Package readers says what the releases of engram make of a chunk directory: which
// chunks and rows `engram sync --import` refuses, stalls at, drops, or brings back.
// It imports a directory in thought, by hashes of identities, and keeps no text of a
// memory. Whoever verifies a directory may call it.
package readers

import (
	"cmp"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Directory is a chunk directory, its chunks in the order of the manifest.
type Directory struct {
	Version int
	Chunks  []Listed
}

// Listed is a chunk that the manifest lists. One without content is missing or broken.
type Listed struct {
	ID     engram.ChunkID
	Chunk  *Chunk
	Broken bool // there is a file, and nobody can read it
}

// Finding is something that readers make of a directory, and its writer did not mean.
type Finding struct {
	Chunk   engram.ChunkID  // the zero id: the manifest itself
	Row     *engram.RowNote // nil: the chunk as a whole; its Reason is empty
	Problem Problem
	// Effects say what each generation does there.
	Effects Effects
}

// Effects are what readers do, by generation.
type Effects map[engram.Generation]Effect

// Generations are all that there are.
var Generations = []engram.Generation{engram.Gen1, engram.Gen2, engram.Gen3}

// maxAlike bounds the findings of one kind about one chunk.
const maxAlike = 100

// Judge says what readers of the given generations, who have nothing yet, make of a
// directory. What one of them refuses as a whole is left out of the rest: that is
// judged as though it were not there.
func Judge(d Directory, of ...engram.Generation) []Finding {
	j := judge{found: map[place]*Finding{}, alike: map[sort]int{}}
	for _, g := range of {
		r := newReader(g, d, j.note)
		r.refusals()
		r.passes()
		r.aftermath()
	}
	found := slices.Collect(maps.Values(j.found))
	order := map[engram.ChunkID]int{}
	for i, c := range d.Chunks {
		order[c.ID] = i + 1
	}
	slices.SortFunc(found, func(a, b *Finding) int {
		return cmp.Or(cmp.Compare(order[a.Chunk], order[b.Chunk]), compareRows(a.Row, b.Row), cmp.Compare(a.Problem, b.Problem))
	})
	out := make([]Finding, len(found))
	for i, f := range found {
		out[i] = *f
	}
	return out
}

func compareRows(a, b *engram.RowNote) int {
	if a == nil || b == nil {
		return 0
	}
	return cmp.Or(cmp.Compare(a.List, b.List), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Field, b.Field))
}

// judge collects what is found in several generations.
type judge struct {
	found map[place]*Finding
	alike map[sort]int
}

type place struct {
	chunk   engram.ChunkID
	row     engram.RowNote
	problem Problem
}

type sort struct {
	chunk   engram.ChunkID
	problem Problem
	g       engram.Generation
}

func (j *judge) note(g engram.Generation, chunk engram.ChunkID, row *engram.RowNote, p Problem, e Effect) {
	at := place{chunk: chunk, problem: p}
	if row != nil {
		at.row = *row
	}
	f, before := j.found[at]
	if kind := (sort{chunk, p, g}); !before {
		if j.alike[kind]++; j.alike[kind] > maxAlike {
			return
		}
		f = &Finding{Chunk: chunk, Row: row, Problem: p, Effects: Effects{}}
		j.found[at] = f
	}
	f.Effects[g] = e
}

// Seen are the generations that have written in a directory, or must read what is in it.
// Source: engram-2.md 1, 2.
func Seen(d Directory) []engram.Generation {
	seen := map[engram.Generation]bool{}
	if d.Version >= 2 {
		seen[engram.Gen2] = true
	}
	for _, c := range d.Chunks {
		if c.Chunk != nil {
			seen[cmp.Or(c.Chunk.Generation, engram.Gen1)] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
