package engram

import "golang.org/x/text/unicode/norm"

// ProjectKey is what projects are told apart by: two spellings of one name in Unicode
// are one project, as for the newest engram. Older servers take them for two, so a
// name is sent as it was found. Source: engram-2.md 5, 7.36.
func ProjectKey(name string) string { return NormalizeProject(norm.NFC.String(name)) }
