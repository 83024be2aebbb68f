package command

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/terminal"
)

// Counts is a list of what there is, and how often, the most frequent first.
func Counts(counts map[string]int) string {
	names := ByCount(counts)
	for i, name := range names {
		names[i] = terminal.Count(counts[name], name)
	}
	return strings.Join(names, ", ")
}

// ByCount gives the names of what was counted, the most frequent first.
func ByCount(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
}
