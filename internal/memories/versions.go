package memories

import (
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Versions are the versions of rows that a set of chunks holds.
type Versions struct {
	versions []engram.RowVersion // sorted, each once
}

// NewVersions takes the versions of each chunk. It keeps none of the slices.
func NewVersions(chunks ...[]engram.RowVersion) *Versions {
	all := slices.Concat(chunks...)
	slices.SortFunc(all, engram.RowVersion.Compare)
	return &Versions{slices.Compact(all)}
}

// of are the versions of the same row as v, oldest first.
func (h *Versions) of(v engram.RowVersion) []engram.RowVersion {
	first := engram.RowVersion{Kind: v.Kind, Row: v.Row, Updated: -1 << 63, Revision: -1 << 63}
	from, _ := slices.BinarySearchFunc(h.versions, first, engram.RowVersion.Compare)
	to := from
	for to < len(h.versions) && h.versions[to].SameRow(v) {
		to++
	}
	return h.versions[from:to]
}

// complete says whether nothing is left behind if v stays where it is. known
// are the versions of its row that chunks hold. One of these must be true:
//
//   - one of them is that very version;
//   - the newest says the same, and only counters differ;
//   - one of them supersedes v: somebody changed the row later, and that has
//     not been imported here.
func complete(v engram.RowVersion, known []engram.RowVersion) bool {
	return slices.ContainsFunc(known, func(k engram.RowVersion) bool {
		return k.Content == v.Content && k.Revision == v.Revision || k.Supersedes(v)
	}) || len(known) > 0 && known[len(known)-1].Content == v.Content
}
