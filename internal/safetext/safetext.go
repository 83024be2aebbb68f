// Package safetext makes a stranger's words fit for a terminal, a log and an
// error. Whoever repeats what a server or another program said takes it from here.
package safetext

import (
	"strings"
	"unicode"
)

// Line is a text on one line, without what a terminal would obey, and of at most
// so many characters: a longer one is cut.
func Line(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
