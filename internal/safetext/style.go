package safetext

import "strings"

// Marks of our own text for how it looks: noncharacters, which Escape takes out of a stranger's. The terminal
// makes something of them, or leaves them out.
const (
	Plain  = "\uFDD0" // ends every other one
	Bold   = "\uFDD1"
	Faint  = "\uFDD2"
	Accent = "\uFDD3" // of names and ids
	Found  = "\uFDD4" // of what was looked for
	Good   = "\uFDD5" // was added
	Bad    = "\uFDD6" // is gone, or wrong
)

// IsMark says whether a character is one of the marks.
func IsMark(r rune) bool { return r >= 0xFDD0 && r <= 0xFDD6 }

// Styled puts a text, which must be safe already, between marks.
func Styled(mark, text string) string {
	if text == "" {
		return ""
	}
	return mark + text + Plain
}

// Unmarked is a text without marks.
func Unmarked(text string) string {
	return strings.Map(func(r rune) rune {
		if IsMark(r) {
			return -1
		}
		return r
	}, text)
}
