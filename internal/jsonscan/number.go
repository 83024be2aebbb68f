package jsonscan

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
