package engram

import (
	"cmp"
	"strings"
)

// NormalizeProject is how engram 1.16.1 and project servers write the name of a
// project: lower case, trimmed, each run of - or _ as one. 1.9.4 keeps names as
// they are, so compare normalized names. Source: local-state.md 1.1.
func NormalizeProject(name string) string {
	name = strings.TrimSpace(strings.ToLower(name))
	for _, double := range []string{"--", "__"} {
		for strings.Contains(name, double) {
			name = strings.ReplaceAll(name, double, double[:1])
		}
	}
	return name
}

// ProjectOf is the normalized project of a row: its own, or else its session's.
func ProjectOf(own, session string) string {
	return cmp.Or(NormalizeProject(own), NormalizeProject(session))
}
