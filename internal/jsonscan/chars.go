package jsonscan

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
