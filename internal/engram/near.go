package engram

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// NearProjects are those of the names that people take for the same project as
// name, and programs do not: they differ in case, in "-", "_", "." and spaces, or in
// how Unicode composes a letter. They come sorted, in normalized form.
func NearProjects(name string, among []string) []string {
	var near []string
	own := NormalizeProject(name)
	for _, other := range among {
		other = NormalizeProject(other)
		if other != own && other != "" && loose(other) == loose(own) {
			near = append(near, other)
		}
	}
	slices.Sort(near)
	return slices.Compact(near)
}

func loose(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(NormalizeProject(norm.NFC.String(name)))
}
