// Package safetext makes a stranger's words fit for a terminal, a log and an
// error. Whoever repeats what a server or another program said takes it from here.
package safetext

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line is a text on one line, without what a terminal would obey, and of at most
// so many characters: a longer one is cut.
func Line(text string, most int) string { return Cut(OneLine(text), most) }

// OneLine is a text on one line, without what a terminal would obey.
func OneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Join(strings.Fields(text), " ")
}

// Cut is a text of at most so many characters.
func Cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// Escape writes what a terminal would obey, and what cannot be seen, as JSON escapes:
// control characters of both sets, marks that turn the direction of what follows. Only
// line breaks and tabs stay. JSON means the same afterwards.
func Escape(text string) string {
	plain := strings.IndexFunc(text, func(r rune) bool { return !seen(r) || r == utf8.RuneError })
	if plain < 0 {
		return text
	}
	var b strings.Builder
	b.WriteString(text[:plain])
	for _, r := range text[plain:] { // a byte that is no UTF-8 comes as utf8.RuneError
		if seen(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			b.WriteString(`\u`)
			const digits = "0123456789abcdef"
			b.Write([]byte{digits[unit>>12], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15]})
		}
	}
	return b.String()
}

func seen(r rune) bool {
	return r >= ' ' && r <= '~' || r == '\n' || r == '\t' || strconv.IsGraphic(r)
}
