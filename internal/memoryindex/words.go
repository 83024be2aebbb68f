package memoryindex

import (
	"errors"
	"strings"
	"unicode"
)

// Words are what is looked for, in the syntax of the index: no text of a user is ever part of that.
type Words string

// ErrNoWords says that a text has neither a letter nor a digit to look for.
var ErrNoWords = errors.New("there is no word to look for")

// ParseWords reads what a user looks for: words, all of which have to be there in any order, "several words" in quotes, which
// have to stand together, and beginnings of words with a * behind them. Everything else is text. Case and accents do not matter.
func ParseWords(text string) (Words, error) {
	var terms []string
	add := func(term string) {
		bare := strings.TrimRight(term, "*")
		if strings.IndexFunc(bare, searched) < 0 {
			return
		}
		quoted := `"` + strings.ReplaceAll(strings.ReplaceAll(parted(bare), "\x00", " "), `"`, `""`) + `"`
		if len(bare) < len(term) {
			quoted += "*"
		}
		terms = append(terms, quoted)
	}
	for i, part := range strings.Split(strings.ToValidUTF8(text, " "), `"`) {
		if i%2 == 1 {
			add(part)
			continue
		}
		for word := range strings.FieldsSeq(part) {
			add(word)
		}
	}
	if len(terms) == 0 {
		return "", ErrNoWords
	}
	return Words(strings.Join(terms, " ")), nil
}

// Beginnings are the same words where each may go on; the same again where none could.
func Beginnings(text string) Words {
	if strings.ContainsAny(text, `"*`) {
		text = "" // who writes these knows
	}
	words, _ := ParseWords(strings.Join(strings.Fields(text), "* ") + "*") // an error is no words
	return words
}

// searched says whether the index knows a character: others part words.
func searched(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Co, r) || unicode.Is(unicode.N, r)
}
