package engram

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// ProjectKey is what projects are told apart by: two spellings of one name in Unicode
// are one project, as for the newest engram. Older servers take them for two, so a
// name is sent as it was found. Source: engram-2.md 5, 7.36.
func ProjectKey(name string) string { return NormalizeProject(norm.NFC.String(name)) }

// NearProjects are those of the names that people take for the same project as
// name, and programs do not: they differ in "-", "_", "." and spaces. They come
// sorted, as their keys.
func NearProjects(name string, among []string) []string {
	var near []string
	own := ProjectKey(name)
	for _, other := range among {
		other = ProjectKey(other)
		if other != own && other != "" && loose(other) == loose(own) {
			near = append(near, other)
		}
	}
	slices.Sort(near)
	return slices.Compact(near)
}

func loose(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(ProjectKey(name))
}
