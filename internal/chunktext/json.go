package chunktext

import (
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
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
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
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
	for _, c := range raw {
		if c == '\\' || c >= utf8.RuneSelf {
			var text string
			quoted := append(append(append(make([]byte, 0, len(raw)+2), '"'), raw...), '"')
			_ = json.Unmarshal(quoted, &text) // it is valid
			return decoded{text, raw}
		}
	}
	return decoded{string(raw), raw}
}

// place gives where a byte of the text stands in the raw string.
func (d decoded) place(at int) int {
	raw := 0
	for done := 0; done < at; {
		n, size := character(d.raw[raw:])
		raw, done = raw+n, done+size
	}
	return raw
}

// character is how many raw bytes make the next character of the text, and how many it has there.
func character(raw []byte) (n, size int) {
	if raw[0] != '\\' {
		r, n := utf8.DecodeRune(raw)
		return n, utf8.RuneLen(r)
	}
	if raw[1] != 'u' {
		return 2, 1
	}
	r := escape(raw)
	if utf16.IsSurrogate(r) {
		if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
			if whole := utf16.DecodeRune(r, escape(raw[6:])); whole != utf8.RuneError {
				return 12, utf8.RuneLen(whole)
			}
		}
		r = utf8.RuneError
	}
	return 6, utf8.RuneLen(r)
}

func escape(raw []byte) (r rune) {
	for _, c := range raw[2:6] {
		switch {
		case c <= '9':
			c -= '0'
		case c >= 'a':
			c -= 'a' - 10
		default:
			c -= 'A' - 10
		}
		r = r<<4 | rune(c)
	}
	return r
}
