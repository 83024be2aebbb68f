package jsonscan

import "errors"

var errNoValue = errors.New("no value begins so")

// literals are the letters that follow the first, by which the kind is known.
var literals = map[Kind]string{True: "rue", False: "alse", Null: "ull"}

func kindOf(c byte) (Kind, error) {
	switch {
	case c == '{', c == '[', c == '"', c == 't', c == 'f', c == 'n':
		return Kind(c), nil
	case c == '-', isDigit(c):
		return Number, nil
	}
	return 0, errNoValue
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// special marks the bytes that end a run of plain text inside a string.
var special = func() (t [256]bool) {
	for c := range ' ' {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// plainRun is how many bytes of p are plain text of a string: most of a chunk
// is, so this loop decides how fast one is checked.
func plainRun(p []byte) int {
	for i, c := range p {
		if special[c] {
			return i
		}
	}
	return len(p)
}
