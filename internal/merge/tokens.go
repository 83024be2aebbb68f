package merge

import "bytes"

// token is a piece of a text that is made like JSON, but need not be JSON.
type token struct {
	kind byte // one of {}[],: or '"' for a string, '0' for any other value
	text []byte
}

// maxTokens bounds the memory of lex. An entry has 25 of them.
const maxTokens = 2 << 20

// lex cuts a text into tokens. It is not ok if something is none, or if there
// are too many.
func lex(text []byte) (tokens []token, ok bool) {
	for at := 0; at < len(text); {
		n := 1
		kind := text[at]
		switch {
		case bytes.IndexByte([]byte(" \t\r\n"), kind) >= 0:
			at++
			continue
		case bytes.IndexByte([]byte("{}[],:"), kind) >= 0:
		case kind == '"':
			n = stringLength(text[at:])
		default:
			kind = '0'
			n = bytes.IndexAny(text[at:], " \t\r\n{}[],:\"")
		}
		if n <= 0 || len(tokens) == maxTokens {
			return tokens, false
		}
		tokens = append(tokens, token{kind, text[at : at+n]})
		at += n
	}
	return tokens, true
}

// stringLength is the length of the string at the start of text, 0 if it does
// not end on its line.
func stringLength(text []byte) int {
	for i := 1; i < len(text) && text[i] != '\n'; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}
