package jsonscan

import "bytes"

// Fields gives the members of an object, names and values as they are written, names
// without their quotes. The text has to be JSON, as what a Scanner went through is: it is not
// checked again, which makes this several times as fast as all else here. It says whether
// the text is an object, and each wanted to go on to its end.
func Fields(text []byte, each func(name, value []byte) bool) bool {
	at := skipSpace(text, 0)
	if at == len(text) || text[at] != '{' {
		return false
	}
	for at = skipSpace(text, at+1); at < len(text) && text[at] != '}'; at = skipSpace(text, at) {
		if text[at] == ',' {
			at = skipSpace(text, at+1)
		}
		end := valueEnd(text, at)
		from := skipSpace(text, end)
		if end-at < len(`""`) || from == len(text) {
			return false
		}
		name := text[at+1 : end-1]
		from = skipSpace(text, from+len(":"))
		at = valueEnd(text, from)
		if from == at || !each(name, text[from:at]) {
			return false
		}
	}
	return at < len(text)
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && isSpace(text[at]) {
		at++
	}
	return at
}

// valueEnd is where the value ends that begins at a byte of text.
func valueEnd(text []byte, at int) int {
	for depth := 0; at < len(text); at++ {
		switch c := text[at]; c {
		case '"':
			at = closingQuote(text, at)
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ' ', '\n', '\r', '\t', ',', ':':
			continue
		default: // up to the last byte of a number or a word
			for at+1 < len(text) && !endsWord[text[at+1]] {
				at++
			}
		}
		if depth <= 0 {
			return min(at+1, len(text))
		}
	}
	return len(text)
}

// closingQuote is where the string ends that begins at a byte of text.
func closingQuote(text []byte, open int) int {
	for at := open; ; {
		next := bytes.IndexByte(text[at+1:], '"')
		if next < 0 {
			return len(text)
		}
		at += 1 + next
		before := at - 1
		for before > open && text[before] == '\\' {
			before--
		}
		if (at-before)%2 == 1 {
			return at
		}
	}
}

// endsWord marks what cannot be in a number or a word.
var endsWord = func() (t [256]bool) {
	for _, c := range []byte(" \n\r\t,:]}") {
		t[c] = true
	}
	return t
}()

// IsInteger says whether a value is a whole number that is written in few digits, and which.
func IsInteger(value []byte) (n int64, ok bool) {
	const most = 15 // digits, which a double has as well
	if len(value) == 0 || len(value) > most {
		return 0, false
	}
	for _, c := range value {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// SaysSomething says that the value is a string that holds more than white space, if that
// can be told from the first byte of it: false says nothing.
func SaysSomething(value []byte) bool {
	return len(value) > len(`""`) && value[0] == '"' && value[1] > ' ' && value[1] < 0x80 && value[1] != '\\'
}

// IsExact says that Go's decoder takes a name, as it is written, for the member of exactly this
// name or for none: there is no letter in it that could be one of the other case, and no
// escape.
func IsExact(name []byte) bool {
	for _, c := range name {
		if c >= 'A' && c <= 'Z' || c >= 0x80 || c == '\\' {
			return false
		}
	}
	return true
}
