package markdown

import (
	"strings"
	"unicode"

	"github.com/engram-sync/engram-sync/internal/safetext"
)

// Bare is a part of a text on one line, which is safe already and may have marks in it, without the signs of bold words. It may
// begin and end anywhere, so a sign need not have another one: what counts is that it stands at one edge of a word, as in 2**3
// it does not.
func Bare(line string) string {
	if !strings.Contains(line, "**") {
		return line
	}
	runes := []rune(line)
	var b strings.Builder
	for i := 0; i < len(runes); {
		n := 0
		for i+n < len(runes) && runes[i+n] == '*' {
			n++
		}
		if n < 2 || opens(runes, i-1, i+n) == closes(runes, i-1, i+n) {
			n = max(n, 1)
			b.WriteString(string(runes[i : i+n]))
		}
		i += n
	}
	return b.String()
}

// opens says that a sign between two places can begin what it marks, closes that it can end that.
func opens(text []rune, before, after int) bool {
	next, last := beside(text, after, 1), beside(text, before, -1)
	return !unicode.IsSpace(next) && (!isPunct(next) || unicode.IsSpace(last) || isPunct(last))
}

func closes(text []rune, before, after int) bool {
	next, last := beside(text, after, 1), beside(text, before, -1)
	return !unicode.IsSpace(last) && (!isPunct(last) || unicode.IsSpace(next) || isPunct(next))
}

// beside is the next character from a place on that is no mark, a space behind the ends.
func beside(text []rune, at, step int) rune {
	for at >= 0 && at < len(text) && safetext.IsMark(text[at]) {
		at += step
	}
	if at < 0 || at >= len(text) {
		return ' '
	}
	return text[at]
}

func isPunct(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }
