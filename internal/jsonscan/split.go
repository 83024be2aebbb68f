package jsonscan

import (
	"fmt"
	"strings"
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
			if m.Name, err = MemberName(scan.Key()); err != nil {
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

// Valid says whether a text is one JSON value.
func Valid(text []byte) bool {
	scan := New(-1) // which stops at nothing
	_, _, err := scan.Next(text)
	return err == nil && scan.Close() == nil
}

// EachMember names the members of a text that is an object, with the kinds of their values,
// and says whether it is one JSON value. A name that cannot be read, or is longer than
// MaxKey, is "".
func EachMember(text []byte, each func(name string, kind Kind)) bool {
	var name string
	scan := New(1)
	for at := 0; at < len(text); {
		n, event, err := scan.Next(text[at:])
		at += n
		switch {
		case err != nil:
			return false
		case event == Key:
			name, _ = MemberName(scan.Key())
		case event == Begin && scan.Depth() == 1:
			each(name, scan.Kind())
		}
	}
	return scan.Close() == nil
}

// MemberName decodes a name that Scanner.Key gave.
func MemberName(key []byte) (string, error) {
	if len(key) > MaxKey {
		return "", fmt.Errorf("a member name is longer than %d bytes", MaxKey)
	}
	name, err := Unquote(key)
	if err != nil {
		return "", fmt.Errorf("a member name: %w", err)
	}
	return name, nil
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
