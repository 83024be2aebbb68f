package secret

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// form is a way in which a secret is written.
type form struct {
	text string
	// ends are where a telling beginning may end: behind the eighth character and behind
	// each later one. A character that is written as an escape is taken out whole or not at
	// all, so that no half of one is left to change what follows.
	ends []int
	word bool // too short to be taken out of the middle of a word
}

// escapers write one character as those do through whose hands a text goes.
var escapers = []func(string) string{
	jsonEscape,
	quoted(strconv.Quote), quoted(strconv.QuoteToASCII), quoted(strconv.QuoteToGraphic),
	url.QueryEscape, url.PathEscape, pathEscape,
	lowerHex(url.QueryEscape), lowerHex(url.PathEscape), lowerHex(pathEscape),
}

// again are those that may follow: an error quotes a server's words, a log quotes the error.
var again = []func(string) string{jsonEscape, quoted(strconv.Quote)}

// depth is how often a text is escaped at most.
const depth = 3

// formsOf gives all forms of a secret. Nearly all tokens have one: of their
// characters none is ever escaped.
func formsOf(secret string) []form {
	seen := map[string]bool{}
	var forms []form
	var add func(units []string, left int, by []func(string) string)
	add = func(units []string, left int, by []func(string) string) {
		text := strings.Join(units, "")
		if seen[text] {
			return
		}
		seen[text] = true
		forms = append(forms, newForm(units))
		if left == 0 {
			return
		}
		for _, escape := range by {
			escaped := make([]string, len(units))
			for i, unit := range units {
				escaped[i] = escape(unit)
			}
			add(escaped, left-1, again)
		}
	}
	add(characters(secret), depth, escapers)
	add(characters(cleaned(secret)), depth, escapers)
	return forms
}

func characters(text string) []string { return strings.Split(text, "") }

// cleaned is what becomes of a secret in a text that was made fit for one line.
func cleaned(secret string) string {
	printed := strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(secret, "\uFFFD"))
	return strings.Join(strings.Fields(printed), " ")
}

func newForm(units []string) form {
	f := form{text: strings.Join(units, ""), word: len(units) < telling}
	at := 0
	for i, unit := range units {
		at += len(unit)
		if i+1 >= telling || f.word && i+1 == len(units) {
			f.ends = append(f.ends, at)
		}
	}
	return f
}

// find adds where the form stands in a text, or a telling beginning of it.
func (f form) find(found []span, text string) []span {
	if len(f.ends) == 0 {
		return found
	}
	head := f.text[:f.ends[0]]
	for at := 0; ; {
		i := strings.Index(text[at:], head)
		if i < 0 {
			return found
		}
		from := at + i
		at = from + 1 // one may begin within another
		to := from + f.ends[0]
		if f.word && (inWord(text[:from], utf8.DecodeLastRuneInString) || inWord(text[to:], utf8.DecodeRuneInString)) {
			continue
		}
		for k := 1; k < len(f.ends) && strings.HasPrefix(text[to:], f.text[f.ends[k-1]:f.ends[k]]); k++ {
			to = from + f.ends[k]
		}
		found = append(found, span{escapeAround(text, from), escapeBehind(text, to)})
	}
}

// escapeAround is where the escape begins that a piece of a text would cut in two; from
// if it cuts none. What is left of JSON has to be JSON.
func escapeAround(text string, from int) int {
	for at := from - 1; at >= max(0, from-5); at-- {
		if text[at] != '\\' {
			continue
		}
		before := len(text[:at]) - len(strings.TrimRight(text[:at], `\`))
		long := text[at+1] == 'u' // \u and four digits, else a letter
		if before%2 == 0 && (long || at == from-1) {
			return at
		}
		return from
	}
	return from
}

// escapeBehind is where the escape ends that a piece of a text, by its own last character, would cut in two; to if it cuts none.
func escapeBehind(text string, to int) int {
	if open := to - len(strings.TrimRight(text[:to], `\`)); open%2 == 0 || to == len(text) {
		return to
	}
	if text[to] == 'u' {
		return min(to+len("u0000"), len(text))
	}
	_, size := utf8.DecodeRuneInString(text[to:])
	return to + size
}

// inWord says whether a word goes on in what stands beside a piece of a text.
func inWord(beside string, next func(string) (rune, int)) bool {
	r, _ := next(beside)
	return beside != "" && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// open is where the last piece of a text begins that may go on to be this form;
// len(text) if none does.
func (f form) open(text string) int {
	at := max(0, len(text)-len(f.text)+1)
	for at < len(text) {
		i := strings.IndexByte(text[at:], f.text[0])
		if i < 0 {
			break
		}
		if at += i; strings.HasPrefix(f.text, text[at:]) {
			return escapeAround(text, at)
		}
		at++
	}
	return len(text)
}

func jsonEscape(unit string) string {
	text, err := json.Marshal(unit)
	if err != nil {
		return unit
	}
	return string(text[1 : len(text)-1])
}

func quoted(quote func(string) string) func(string) string {
	return func(unit string) string {
		text := quote(unit)
		return text[1 : len(text)-1]
	}
}

func pathEscape(unit string) string { return (&url.URL{Path: unit}).EscapedPath() }

// lowerHex writes the digits of escapes as other programs do.
func lowerHex(escape func(string) string) func(string) string {
	return func(unit string) string {
		if text := escape(unit); text != unit {
			return strings.ToLower(text)
		}
		return unit
	}
}
