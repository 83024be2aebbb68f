package canon

import "strings"

// NormalizeProject is a project's name as servers know it: in lower case, code
// point by code point, trimmed, with one "-" for a run of them and one "_" for
// a run of those. White space inside stays. Source: project-server.md 0 and A9.
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
