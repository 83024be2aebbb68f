// Package rowsum tells whether two mutations say the same, in whatever way each of them is
// written. Whoever compares what was sent with what a server has calls it.
package rowsum

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Of tells whether two mutations say the same: it is equal for what
// was sent and for what a server gives back, which may have gone through a
// database that keeps JSON as values. The order of members, white space and how
// text is escaped do not count, of members with one name the last counts,
// numbers are compared as exact decimals, a string that holds an object is that
// object, and no payload is null. Project does not count. What is no JSON at
// all is compared by its bytes. Source: account-server.md 4.1, 9.11.
func Of(e engram.MutationEntry) [sha256.Size]byte {
	s := summer{sha256.New()}
	s.text(e.Entity)
	s.text(e.EntityKey)
	s.text(e.Op)
	s.payload(e.Payload)
	return [sha256.Size]byte(s.h.Sum(nil))
}

// summer writes values so that no two different ones are written alike: each
// begins with what it is, and says how long it is.
type summer struct{ h hash.Hash }

func (s summer) text(text string) {
	s.tag('"', len(text))
	_, _ = io.WriteString(s.h, text) // a hash takes all
}

func (s summer) tag(kind byte, size int) {
	b := append(make([]byte, 0, 9), kind)
	s.h.Write(binary.BigEndian.AppendUint64(b, uint64(size)))
}

func (s summer) payload(text []byte) {
	if len(bytes.TrimSpace(text)) == 0 {
		s.value(nil)
		return
	}
	value, ok := decodeValue(text)
	if !ok {
		s.tag('?', len(text))
		s.h.Write(text)
		return
	}
	if inner, isText := value.(string); isText {
		decoded, _ := decodeValue([]byte(inner))
		if object, isObject := decoded.(map[string]any); isObject {
			value = object
		}
	}
	s.value(value)
}

// decodeValue decodes text that is one JSON value. Numbers stay as written.
func decodeValue(text []byte) (value any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	return value, true
}

func (s summer) value(value any) {
	switch v := value.(type) {
	case map[string]any:
		s.tag('{', len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			s.text(name)
			s.value(v[name])
		}
	case []any:
		s.tag('[', len(v))
		for _, element := range v {
			s.value(element)
		}
	case string:
		s.text(v)
	case json.Number:
		number := decimal(v.String())
		s.tag('0', len(number))
		_, _ = io.WriteString(s.h, number)
	case bool:
		if v {
			s.tag('t', 0)
		} else {
			s.tag('f', 0)
		}
	default:
		s.tag('n', 0)
	}
}

// maxExponent is how many digits of an exponent are calculated with. Nobody
// stores such numbers; they only have to cost nothing.
const maxExponent = 100

// decimal writes a JSON number in the one way that all equal numbers share:
// sign, digits without zeros at either end, "e", and the power of ten.
func decimal(number string) string {
	mantissa, exponent := number, ""
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa, exponent = number[:i], strings.TrimPrefix(number[i+1:], "+")
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	sign := ""
	if negative {
		sign = "-"
	}
	return sign + short + "e" + power(exponent, len(digits)-len(short)-len(fraction))
}

// power adds shift to an exponent as it is written.
func power(exponent string, shift int) string {
	minus := strings.HasPrefix(exponent, "-")
	size := strings.TrimLeft(strings.TrimPrefix(exponent, "-"), "0")
	if len(size) > maxExponent {
		return exponent + "+" + big.NewInt(int64(shift)).String()
	}
	sum := new(big.Int)
	if size != "" {
		sum.SetString(size, 10)
	}
	if minus {
		sum.Neg(sum)
	}
	return sum.Add(sum, big.NewInt(int64(shift))).String()
}
