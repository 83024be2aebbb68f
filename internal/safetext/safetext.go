// Package safetext makes a stranger's words fit for a terminal, a log and an
// error. Whoever repeats what a server or another program said takes it from here.
package safetext

import (
	"strings"
	"unicode"
)

// Line is a text on one line, without what a terminal would obey, and of at most
// so many bytes: a longer one is cut.
func Line(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
