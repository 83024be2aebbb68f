package projectserver

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// What PostgreSQL refuses to store as jsonb.
var (
	errNul       = errors.New("ERROR: unsupported Unicode escape sequence (SQLSTATE 22P05)")
	errSurrogate = errors.New("ERROR: invalid input syntax for type json (SQLSTATE 22P02)")
	errNumber    = errors.New("ERROR: value overflows numeric format (SQLSTATE 22003)")
)

// notText is PostgreSQL's error about a byte that no text may have.
func notText(b byte) error {
	return fmt.Errorf("ERROR: invalid byte sequence for encoding \"UTF8\": 0x%02x (SQLSTATE 22021)", b)
}

// textual looks for what a column of texts can't hold: NUL and invalid UTF-8.
func textual(s string) error {
	for i, r := range s {
		if _, size := utf8.DecodeRuneInString(s[i:]); r == 0 || r == utf8.RuneError && size == 1 {
			return notText(s[i])
		}
	}
	return nil
}

// maxIndexed is what PostgreSQL takes into one row of an index, after compression.
const maxIndexed = 8191

// indexable looks for session ids that are too large for their index. Only one of
// 9,000 characters that do not compress was seen; DEFLATE stands in for PostgreSQL's method.
func indexable(sessions []string) error {
	for _, id := range sessions {
		if len(id) <= maxIndexed {
			continue
		}
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, flate.BestSpeed)
		if err != nil {
			return err
		}
		_, _ = w.Write([]byte(id)) // to memory
		_ = w.Close()
		if size := len(id) + indexRow; packed.Len() > len(id)/2 {
			return fmt.Errorf("index session %q: ERROR: index row requires %d bytes, maximum size is %d (SQLSTATE 54000)", id, size, maxIndexed)
		}
	}
	return nil
}

// indexRow is what an index needs for a row besides the session id.
const indexRow = 24

// jsonb gives a JSON text as PostgreSQL gives it back: the shorter names first,
// those of one length by their bytes; a space behind commas and colons; escapes
// decoded; numbers in plain decimals, without a -0.
func jsonb(text []byte) ([]byte, error) {
	if err := storable(text); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, errSurrogate
	}
	return appendJSONB(nil, v)
}

// storable looks for what a decoder would silently replace.
func storable(text []byte) error {
	if err := textual(string(text)); err != nil {
		return err
	}
	var high bool // the last escape was the first half of a pair
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+6 > len(text) || text[i+1] != 'u' {
			if high {
				return errSurrogate
			}
			if text[i] == '\\' {
				i++
			}
			continue
		}
		n, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		r := rune(n)
		low := utf16.IsSurrogate(r) && r >= 0xdc00
		switch {
		case err != nil || low != high:
			return errSurrogate
		case r == 0:
			return errNul
		}
		high = utf16.IsSurrogate(r) && !low
		i += 5
	}
	return nil
}

func appendJSONB(out []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		out = append(out, "null"...)
	case bool:
		out = strconv.AppendBool(out, v)
	case json.Number:
		return appendNumeric(out, v)
	case string:
		out = appendText(out, v)
	case []any:
		out = append(out, '[')
		for i, element := range v {
			if i > 0 {
				out = append(out, ", "...)
			}
			if out, err = appendJSONB(out, element); err != nil {
				return nil, err
			}
		}
		out = append(out, ']')
	case map[string]any:
		out = append(out, '{')
		for i, key := range slices.SortedFunc(maps.Keys(v), shorterFirst) {
			if i > 0 {
				out = append(out, ", "...)
			}
			out = append(appendText(out, key), ": "...)
			if out, err = appendJSONB(out, v[key]); err != nil {
				return nil, err
			}
		}
		out = append(out, '}')
	}
	return out, nil
}

func shorterFirst(a, b string) int {
	return cmp.Or(len(a)-len(b), strings.Compare(a, b))
}

// appendNumeric writes a number without an exponent. As many decimals as it was
// written with stay, but no sign of a zero.
func appendNumeric(out []byte, n json.Number) ([]byte, error) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(n.String()), "e")
	power := 0
	if exponent != "" {
		var err error
		if power, err = strconv.Atoi(exponent); err != nil || power > 100_000 || power < -10_000 {
			return nil, errNumber
		}
	}
	_, fraction, _ := strings.Cut(mantissa, ".")
	value, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return nil, errNumber
	}
	return append(out, value.FloatString(max(0, len(fraction)-power))...), nil
}

// appendText writes a string with the escapes that it can't do without.
func appendText(out []byte, s string) []byte {
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r < ' ' && strings.ContainsRune("\b\f\n\r\t", r):
			out = append(out, '\\', "btn?fr"[r-'\b'])
		case r < ' ':
			out = append(out, `\u00`...)
			out = append(out, "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}
