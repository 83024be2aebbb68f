package engram

import (
	"cmp"

	"github.com/engram-sync/engram-sync/internal/canon"
)

// NormalizeProject is how engram 1.16.1 and project servers write the name of a
// project: lower case, trimmed, each run of - or _ as one. 1.9.4 keeps names as
// they are, so compare normalized names. Source: local-state.md 1.1.
func NormalizeProject(name string) string { return canon.NormalizeProject(name) }

// ProjectOf is the normalized project of a row: its own, or else its session's.
func ProjectOf(own, session string) string {
	return cmp.Or(NormalizeProject(own), NormalizeProject(session))
}
