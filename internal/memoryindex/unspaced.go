package memoryindex

import (
	"strings"
	"unicode"

	"github.com/engram-sync/engram-sync/internal/history"
)

// joint parts the words of scripts that write none apart, in what the index holds and in what is looked for; it is taken out of
// whatever is read. To the index it is no letter, as noncharacters are: so each character is a word, and a word of several stands
// together.
const joint = "\x1f"

// unspaced says whether a character is of a script that has no spaces between words.
func unspaced(r rune) bool {
	return r >= '\u0E00' && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) ||
		r == 'ー' // of both Japanese scripts
}

// parted is a text with joints.
func parted(text string) string {
	if strings.IndexFunc(text, unspaced) < 0 {
		return text
	}
	var b strings.Builder
	last := ' '
	for _, r := range text {
		if searched(last) && searched(r) && (unspaced(last) || unspaced(r)) {
			b.WriteString(joint)
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

// joined is a text as it was.
func joined(text string) string { return strings.ReplaceAll(text, joint, "") }

// headline is history.Headline of texts that come from the index.
func headline(kind, id, title, body string) string {
	return history.Headline(kind, id, joined(title), joined(body))
}
