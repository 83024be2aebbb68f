package canon

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
)

// maxDepth is how deep a chunk's data may nest, itself included. The server
// allows 10,000 levels, and the envelope is one of them (A16).
const maxDepth = 9999

var errTooDeep = errors.New("nested too deep")

// encoder appends values in the canonical form of project-server.md 3.2. The
// values are those of encoding/json, and int64.
type encoder struct {
	out       []byte
	plainZero bool     // 0 instead of -0
	keys      []string // the names of the objects that are open
}

// value appends v, which stands inside depth containers.
func (e *encoder) value(v any, depth int) error {
	switch v := v.(type) {
	case nil:
		e.out = append(e.out, "null"...)
	case bool:
		e.out = strconv.AppendBool(e.out, v)
	case float64:
		e.number(v)
	case int64:
		e.out = strconv.AppendInt(e.out, v, 10)
	case string:
		e.text(v)
	case []any:
		return e.array(v, depth+1)
	case map[string]any:
		return e.object(v, depth+1)
	}
	return nil
}

func (e *encoder) array(list []any, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	e.out = append(e.out, '[')
	for i, v := range list {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		if err := e.value(v, depth); err != nil {
			return err
		}
	}
	e.out = append(e.out, ']')
	return nil
}

func (e *encoder) object(members map[string]any, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	base := len(e.keys)
	for key := range members {
		e.keys = append(e.keys, key)
	}
	keys := e.keys[base:]
	slices.Sort(keys)
	e.out = append(e.out, '{')
	for i, key := range keys {
		e.name(i, key)
		if err := e.value(members[key], depth); err != nil {
			return err
		}
	}
	e.out = append(e.out, '}')
	e.keys = e.keys[:base]
	return nil
}

// name appends what stands before the value of an object's i-th member.
func (e *encoder) name(i int, key string) {
	if i > 0 {
		e.out = append(e.out, ',')
	}
	e.text(key)
	e.out = append(e.out, ':')
}

// number appends the shortest digits that give the same double, plainly unless
// it is very big or very small; then with an exponent that has no zeros in front.
func (e *encoder) number(f float64) {
	if f == 0 && e.plainZero {
		f = 0 // also when it was -0
	}
	if abs := math.Abs(f); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		e.out = strconv.AppendFloat(e.out, f, 'f', -1, 64)
		return
	}
	text, _ := json.Marshal(f) // finite, as all that JSON can say
	e.out = append(e.out, text...)
}

// text appends a string. Most of them have nothing to escape and need no encoder.
func (e *encoder) text(s string) {
	for i := range len(s) {
		if special[s[i]] {
			quoted, _ := json.Marshal(s) // a string
			e.out = append(e.out, quoted...)
			return
		}
	}
	e.out = append(append(append(e.out, '"'), s...), '"')
}

// special marks the bytes with which something begins that may need an escape:
// the last one is the first byte of U+2028 and U+2029.
var special = func() (t [256]bool) {
	for c := range ' ' {
		t[c] = true
	}
	for _, c := range []byte("\"\\<>&\xe2") {
		t[c] = true
	}
	return t
}()
