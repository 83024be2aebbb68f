// Package jsonscan takes JSON text (RFC 8259) apart without changing a byte of
// it. It stands at the bottom, for whoever must check, cut or pass on bytes whose
// hash counts: a decoder would keep them, and re-encoding would change them.
package jsonscan

import "fmt"

// MaxDepth is how deep arrays and objects may nest, the limit of Go's own
// decoder, which the servers use.
const MaxDepth = 10000

// MaxKey is how many bytes of a member name are kept, and one more, which tells
// that there were more.
const MaxKey = 256

// Event is what Next stopped at.
type Event int

const (
	// More means that all of the input was taken in and more is needed.
	More Event = iota
	// Key means that a member name was read: see Scanner.Key.
	Key
	// Begin means that the next byte is the first of a value of Scanner.Kind.
	Begin
	// End means that the last byte taken in was the last of a value.
	End
)

// Kind is the first byte that tells what a value is: one of the constants below.
type Kind byte

// The kinds of value. Number stands for every digit and the minus sign.
const (
	Object Kind = '{'
	Array  Kind = '['
	String Kind = '"'
	Number Kind = '0'
	True   Kind = 't'
	False  Kind = 'f'
	Null   Kind = 'n'
)

// SyntaxError says at which byte (from 0) the text stopped being JSON, and why.
type SyntaxError struct {
	Offset int64
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not valid JSON at byte %d: %s", e.Offset, e.Reason)
}

// Scanner checks one JSON text that is handed to it piece by piece. Make one
// with New. It is not safe for concurrent use.
type Scanner struct {
	eventDepth int

	state  state
	begun  bool // Begin was reported for the value whose first byte comes next
	kind   Kind
	isKey  bool // the string being read is a member name
	hex    int  // digits of a \u escape still to come
	lit    string
	num    numState
	depth  int      // of the value at hand; the text's own value has 0
	stack  []uint64 // one bit for each open container: set for objects
	key    []byte
	offset int64
	err    error
}

// New makes a Scanner that reports the values down to depth: 0 is the text's
// own value, 1 its members or elements, and so on.
func New(depth int) *Scanner {
	return &Scanner{eventDepth: depth, state: stateValue}
}

// Offset is the number of bytes taken in so far.
func (s *Scanner) Offset() int64 { return s.offset }

// Depth is that of the value which the last event was about.
func (s *Scanner) Depth() int { return s.depth }

// Kind is that of the value of the last Begin.
func (s *Scanner) Kind() Kind { return s.kind }

// Key is the name of the last Key event as written, without its quotes and
// with its escapes; at most MaxKey+1 bytes of it. It is valid until the next call of Next.
func (s *Scanner) Key() []byte { return s.key }

// Done says whether the text's value is complete. Only white space may follow.
func (s *Scanner) Done() bool { return s.state == stateDone }

// Close says whether the text ended where a text may end.
func (s *Scanner) Close() error {
	if s.err == nil && s.state == stateNumber && s.depth == 0 && s.num.complete() {
		s.state = stateDone
	}
	if s.err == nil && s.state != stateDone {
		return s.fail("it ends too early")
	}
	return s.err
}

func (s *Scanner) fail(format string, args ...any) error {
	if s.err == nil {
		s.err = &SyntaxError{Offset: s.offset, Reason: fmt.Sprintf(format, args...)}
	}
	return s.err
}

// Next takes in bytes of p up to the next event, and says how many. It never
// takes the first byte of a value together with its Begin. An error is for good.
func (s *Scanner) Next(p []byte) (n int, event Event, err error) {
	if s.err != nil {
		return 0, More, s.err
	}
	for n < len(p) {
		if s.state == stateString {
			run := plainRun(p[n:])
			for n+run+1 < len(p) && p[n+run] == '\\' && isShortEscape[p[n+run+1]] {
				run += len(`\n`)
				run += plainRun(p[n+run:])
			}
			s.keep(p[n : n+run])
			n += run
			s.offset += int64(run)
			if n == len(p) {
				break
			}
		}
		taken, event, err := s.step(p[n])
		if err != nil {
			return n, More, err
		}
		if taken {
			n++
			s.offset++
		}
		if event != More {
			return n, event, nil
		}
	}
	return n, More, nil
}

// Skip takes in the n bytes of the value that has just begun, which whoever calls has found to
// be one. The next event comes from what follows it.
func (s *Scanner) Skip(n int) {
	s.begun = false
	s.offset += int64(n)
	s.endValue()
}

// keep remembers text of a member name, as far as anybody compares it.
func (s *Scanner) keep(text []byte) {
	if s.isKey && len(s.key) <= MaxKey {
		s.key = append(s.key, text[:min(len(text), MaxKey+1-len(s.key))]...)
	}
}

func (s *Scanner) push(object bool) error {
	if s.depth >= MaxDepth {
		return s.fail("nested more than %d deep", MaxDepth)
	}
	word, bit := s.depth/64, uint64(1)<<(s.depth%64)
	if word == len(s.stack) {
		s.stack = append(s.stack, 0)
	}
	if object {
		s.stack[word] |= bit
	} else {
		s.stack[word] &^= bit
	}
	s.depth++
	return nil
}

// inObject says whether the value at hand is a member of an object.
func (s *Scanner) inObject() bool {
	d := s.depth - 1
	return s.stack[d/64]&(1<<(d%64)) != 0
}
