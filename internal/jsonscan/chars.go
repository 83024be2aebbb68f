package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

// literals are the letters that follow the first, by which the kind is known.
var literals = map[Kind]string{True: "rue", False: "alse", Null: "ull"}

// kindOf is the kind of value that begins with c, 0 if none does.
func kindOf(c byte) Kind {
	switch {
	case c == '{', c == '[', c == '"', c == 't', c == 'f', c == 'n':
		return Kind(c)
	case c == '-', isDigit(c):
		return Number
	}
	return 0
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// In a word of eight bytes: each of them 1, their high bits, and each of them as named.
const (
	ones      uint64 = 0x0101010101010101
	highs            = ones << 7
	spaces           = ones * ' '
	quotes           = ones * '"'
	backslash        = ones * '\\'
)

// specials has the high bit of bytes in word that end a run of plain text inside a
// string. The lowest such bit is right; above it there may be others that are not.
func specials(word uint64) uint64 {
	quote, slash := word^quotes, word^backslash
	return ((word-spaces)&^word | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}

// plainRun is how many bytes of p are plain text of a string: most of a chunk
// is, so this loop decides how fast one is checked.
func plainRun(p []byte) (n int) {
	for ; len(p)-n >= 8; n += 8 {
		if found := specials(binary.LittleEndian.Uint64(p[n:])); found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for n < len(p) && p[n] >= ' ' && p[n] != '"' && p[n] != '\\' {
		n++
	}
	return n
}

// isShortEscape marks what may follow a backslash, but for the "u" that more has to follow.
var isShortEscape = func() (t [256]bool) {
	for _, c := range []byte(`"\/bfnrt`) {
		t[c] = true
	}
	return t
}()

// numState is how far a number has been read.
type numState int

const (
	numMinus numState = iota
	numZero           // a leading zero: no digit may follow
	numInt
	numPoint
	numFraction
	numE
	numSign
	numExponent
)

func startNumber(c byte) numState {
	switch c {
	case '-':
		return numMinus
	case '0':
		return numZero
	}
	return numInt
}

// next is the state after c, if c can belong to the number.
func (n numState) next(c byte) (numState, bool) {
	switch {
	case isDigit(c):
		return n.digit(c)
	case c == '.' && (n == numZero || n == numInt):
		return numPoint, true
	case (c == 'e' || c == 'E') && (n == numZero || n == numInt || n == numFraction):
		return numE, true
	case (c == '+' || c == '-') && n == numE:
		return numSign, true
	}
	return n, false
}

func (n numState) digit(c byte) (numState, bool) {
	switch n {
	case numMinus:
		return startNumber(c), true
	case numZero:
		return n, false
	case numPoint, numFraction:
		return numFraction, true
	case numE, numSign, numExponent:
		return numExponent, true
	}
	return numInt, true
}

// complete says whether the number may end here.
func (n numState) complete() bool {
	return n == numZero || n == numInt || n == numFraction || n == numExponent
}
