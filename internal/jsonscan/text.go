package jsonscan

import (
	"bytes"
	"errors"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// errEscape says that what stands between quotes has an escape that is none, or not whole.
var errEscape = errors.New("an escape in it is none")

// Unquote decodes what stands between the quotes of a JSON string, which has to be UTF-8.
func Unquote(inner []byte) (string, error) {
	if !utf8.Valid(inner) {
		return "", errors.New("not valid UTF-8")
	}
	if bytes.IndexByte(inner, '\\') < 0 { // as most strings
		return string(inner), nil
	}
	text, ok := AppendText(make([]byte, 0, len(inner)), inner)
	if !ok {
		return "", errEscape
	}
	return string(text), nil
}

// IsPlain says whether what stands between the quotes of a JSON string is what it means.
func IsPlain(inner []byte) bool {
	return bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner)
}

// AppendText decodes what stands between the quotes of a JSON string as Go's own decoder
// does: what is no character, a byte that is not UTF-8 or half a surrogate pair, becomes a
// replacement character. It is not ok if an escape is none, or not whole.
func AppendText(dst, inner []byte) (text []byte, ok bool) {
	for len(inner) > 0 {
		run := bytes.IndexByte(inner, '\\')
		if run < 0 {
			run = len(inner)
		}
		dst, inner = appendValid(dst, inner[:run]), inner[run:]
		if len(inner) == 0 {
			break
		}
		c, n := CutEscape(inner)
		if n == 0 {
			return dst, false
		}
		dst, inner = utf8.AppendRune(dst, c), inner[n:]
	}
	return dst, true
}

func appendValid(dst, run []byte) []byte {
	if utf8.Valid(run) {
		return append(dst, run...)
	}
	for len(run) > 0 {
		c, n := utf8.DecodeRune(run)
		dst, run = utf8.AppendRune(dst, c), run[n:]
	}
	return dst
}

// CutEscape decodes the escape that text begins with, and says how long it is: 0 if it
// is none.
func CutEscape(text []byte) (c rune, n int) {
	if len(text) < len(`\n`) {
		return 0, 0
	}
	switch text[1] {
	case '"', '\\', '/':
		return rune(text[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	unit := codeUnit(text)
	if unit < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(unit) {
		return unit, 6
	}
	if pair := utf16.DecodeRune(unit, codeUnit(text[6:])); pair != unicode.ReplacementChar {
		return pair, 12
	}
	return unicode.ReplacementChar, 6
}

// What an escape can stand for that no database keeps.
var (
	ErrNul           = errors.New("a NUL character")
	ErrLoneSurrogate = errors.New("half a surrogate pair")
)

// CheckEscapes looks through valid JSON for the escapes of what is no character:
// Go's decoder would put replacement characters in, and two different texts be
// the same.
func CheckEscapes(text []byte) error {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return nil
		}
		text = text[at:]
		unit := codeUnit(text)
		if unit < 0 {
			text = text[len(`\n`):]
			continue
		}
		text = text[len(`\u0000`):]
		switch {
		case unit == 0:
			return ErrNul
		case !utf16.IsSurrogate(unit):
		case utf16.DecodeRune(unit, codeUnit(text)) == unicode.ReplacementChar:
			return ErrLoneSurrogate
		default:
			text = text[len(`\u0000`):]
		}
	}
}

// codeUnit is the number in the \u escape that text starts with, -1 without one.
func codeUnit(text []byte) rune {
	if len(text) < len(`\u0000`) || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(unit)
}

// HoldsNul says whether a name or text in valid JSON holds U+0000, which can only be escaped.
func HoldsNul(text []byte) bool {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return false
		}
		if bytes.HasPrefix(text[at:], []byte(`\u0000`)) {
			return true
		}
		text = text[at+len(`\n`):]
	}
}
