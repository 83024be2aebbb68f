package jsonscan

import (
	"bytes"
	"errors"
	"strconv"
	"unicode"
	"unicode/utf16"
)

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
