package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Member is a member of an object, or an element of an array, which has no name.
type Member struct {
	Name  string // decoded
	Value []byte // the text of the value
	From  int    // where name and value begin
	At    int    // where the value begins
}

// End is where the value ends.
func (m Member) End() int { return m.At + len(m.Value) }

// Split cuts a text, which has to be one Object or one Array as kind says, into
// what it holds. limit bounds the members of an object, 0 not at all.
func Split(text []byte, kind Kind, limit int) ([]Member, error) {
	members := make([]Member, 0, 8)
	var m Member
	scan := New(1)
	for at := 0; at < len(text); {
		n, event, err := scan.Next(text[at:])
		at += n
		switch {
		case err != nil:
			return nil, err
		case event == Begin && scan.Depth() == 0 && scan.Kind() != kind:
			return nil, fmt.Errorf("not %s", map[Kind]string{Object: "an object", Array: "an array"}[kind])
		case event == Key:
			if m.Name, err = memberName(scan.Key()); err != nil {
				return nil, err
			}
			if limit > 0 && len(members) == limit {
				return nil, fmt.Errorf("more than %d members", limit)
			}
			m.From = at - len(scan.Key()) - 2
		case event == Begin:
			if m.At = at; kind == Array {
				m.From = at
			}
		case event == End && scan.Depth() == 1:
			m.Value = text[m.At:at]
			members = append(members, m)
		}
	}
	return members, scan.Close()
}

func memberName(key []byte) (string, error) {
	if len(key) > MaxKey {
		return "", fmt.Errorf("a member name is longer than %d bytes", MaxKey)
	}
	name, err := Unquote(key)
	if err != nil {
		return "", fmt.Errorf("a member name: %w", err)
	}
	return name, nil
}

// Unquote decodes what stands between the quotes of a JSON string. Most strings
// have no escapes and need no decoder.
func Unquote(inner []byte) (string, error) {
	if !utf8.Valid(inner) {
		return "", errors.New("not valid UTF-8")
	}
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	var s string
	err := json.Unmarshal(slices.Concat([]byte{'"'}, inner, []byte{'"'}), &s)
	return s, err
}

// Alike gives the one of names that name is, but for letter case; "" if it is
// none. Go's decoder, with which engram and its servers read, takes both for the
// same member.
func Alike(name string, names []string) string {
	for _, n := range names {
		if strings.EqualFold(name, n) {
			return n
		}
	}
	return ""
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
