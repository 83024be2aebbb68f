package engram

import (
	"cmp"
	"strings"
)

// NormalizeProject is a project's name as engram 1.16.1 and project servers know
// it: in lower case, code point by code point, trimmed, with one "-" for a run of
// them and one "_" for a run of those. White space inside stays. 1.9.4 keeps names
// as they are, so compare normalized names. Source: local-state.md 1.1,
// project-server.md 0 and A9.
func NormalizeProject(name string) string {
	name = strings.TrimSpace(strings.ToLower(strings.ToValidUTF8(name, "\uFFFD")))
	var b strings.Builder
	var last rune
	for _, r := range name {
		if r != last || r != '-' && r != '_' {
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}

// ProjectOf is the normalized project of a row: its own, or else its session's.
func ProjectOf(own, session string) string {
	return cmp.Or(NormalizeProject(own), NormalizeProject(session))
}
