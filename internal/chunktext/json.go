package chunktext

import (
	"bytes"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// What follows reads JSON that is known to be valid.

func skipBlank(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r' {
		i++
	}
	return i
}

// skip gives where a value ends that begins at i.
func skip(text []byte, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = closing(text, i+1)
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',', ':', ' ', '\t', '\n', '\r':
			continue
		default:
			for i+1 < len(text) && !ends(text[i+1]) {
				i++
			}
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

// closing gives where the quote is that ends a string whose content begins at i.
func closing(text []byte, i int) int {
	for {
		i += bytes.IndexByte(text[i:], '"')
		before := i
		for text[before-1] == '\\' {
			before--
		}
		if (i-before)%2 == 0 {
			return i
		}
		i++
	}
}

// ends says whether a number or a word has ended.
func ends(c byte) bool {
	switch c {
	case ',', ':', '}', ']', ' ', '\t', '\n', '\r':
		return true
	}
	return false
}

// objectEach gives the members of the object at i, and arrayEach the elements of an array; of
// what is none there are none. Neither looks at a value more than once.
func objectEach(text []byte, i int, visit func(name string, start, end int)) {
	if text[i] != '{' {
		return
	}
	for i = skipBlank(text, i+1); text[i] != '}'; {
		end := skip(text, i)
		name := decode(text[i+1 : end-1]).text
		start := skipBlank(text, skipBlank(text, end)+1) // behind the colon
		end = skip(text, start)
		visit(name, start, end)
		if i = skipBlank(text, end); text[i] == ',' {
			i = skipBlank(text, i+1)
		}
	}
}

func arrayEach(text []byte, i int, visit func(start, end int)) {
	if text[i] != '[' {
		return
	}
	for i = skipBlank(text, i+1); text[i] != ']'; {
		end := skip(text, i)
		visit(i, end)
		if i = skipBlank(text, end); text[i] == ',' {
			i = skipBlank(text, i+1)
		}
	}
}

// decoded is the text of a string.
type decoded struct {
	text string
	raw  []byte
}

// decode reads what stands between the quotes, as Go does: what is no character is U+FFFD.
func decode(raw []byte) decoded {
	text, _ := jsonscan.AppendText(make([]byte, 0, len(raw)), raw) // it is valid
	return decoded{string(text), raw}
}

// place gives where a byte of the text stands in the raw string.
func (d decoded) place(at int) int {
	raw := 0
	for done := 0; done < at; {
		c, n := jsonscan.CutEscape(d.raw[raw:])
		if d.raw[raw] != '\\' {
			c, n = utf8.DecodeRune(d.raw[raw:])
		}
		raw, done = raw+n, done+utf8.RuneLen(c)
	}
	return raw
}
