package jsonscan

import "strings"

// Alike gives the one of names that name is, but for letter case; "" if it is
// none. Go's decoder, with which engram and its servers read, takes both for the
// same member.
func Alike(name string, names []string) string {
	for _, n := range names {
		if strings.EqualFold(name, n) {
			return n
		}
	}
	return ""
}
