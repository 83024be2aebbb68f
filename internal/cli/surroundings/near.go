package surroundings

import (
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// NamesNear are those of the names that people take for the same project as
// name, and programs do not: they differ in "-", "_", "." and spaces. They come
// sorted, as their keys.
func NamesNear(name string, among []string) []string {
	var near []string
	own := engram.ProjectKey(name)
	for _, other := range among {
		other = engram.ProjectKey(other)
		if other != own && other != "" && loose(other) == loose(own) {
			near = append(near, other)
		}
	}
	slices.Sort(near)
	return slices.Compact(near)
}

func loose(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(engram.ProjectKey(name))
}
