package jsonscan

import "strings"

type state int

const (
	stateValue      state = iota // a value must come
	stateFirstValue              // a value or the end of an array must come
	stateFirstKey                // a member name or the end of an object must come
	stateKey                     // a member name must come
	stateColon
	stateAfter // a comma or the end of the container must come
	stateString
	stateEscape
	stateHex
	stateNumber
	stateLiteral
	stateDone
)

// step takes in one byte, or reports an event that stands before it.
func (s *Scanner) step(c byte) (taken bool, event Event, err error) {
	switch s.state {
	case stateString, stateEscape, stateHex:
		event, err = s.stepString(c)
		return true, event, err
	case stateNumber:
		return s.stepNumber(c)
	case stateLiteral:
		event, err = s.stepLiteral(c)
		return true, event, err
	}
	if isSpace(c) {
		return true, More, nil
	}
	switch s.state {
	case stateFirstValue:
		if c == ']' {
			return s.close()
		}
		return s.beginValue(c)
	case stateValue:
		return s.beginValue(c)
	case stateFirstKey:
		if c == '}' {
			return s.close()
		}
		return true, More, s.beginKey(c)
	case stateKey:
		return true, More, s.beginKey(c)
	case stateColon:
		if c != ':' {
			return false, More, s.fail("%q where a colon must stand", c)
		}
		s.state = stateValue
		return true, More, nil
	case stateAfter:
		return s.stepAfter(c)
	default:
		return false, More, s.fail("%q after the end", c)
	}
}

func (s *Scanner) beginValue(c byte) (taken bool, event Event, err error) {
	if !s.begun {
		if s.kind = kindOf(c); s.kind == 0 {
			return false, More, s.fail("%q where a value must stand", c)
		}
		s.begun = true
		if s.depth <= s.eventDepth {
			return false, Begin, nil
		}
	}
	s.begun = false
	switch s.kind {
	case Object, Array:
		err = s.push(s.kind == Object)
		s.state = stateFirstValue
		if s.kind == Object {
			s.state = stateFirstKey
		}
	case String:
		s.state, s.isKey = stateString, false
	case Number:
		s.state, s.num = stateNumber, startNumber(c)
	default:
		s.state, s.lit = stateLiteral, literals[s.kind]
	}
	return true, More, err
}

func (s *Scanner) beginKey(c byte) error {
	if c != '"' {
		return s.fail("%q where a member name must stand", c)
	}
	s.state, s.isKey, s.key = stateString, true, s.key[:0]
	return nil
}

func (s *Scanner) stepAfter(c byte) (taken bool, event Event, err error) {
	object := s.inObject()
	switch {
	case c == ',' && object:
		s.state = stateKey
		return true, More, nil
	case c == ',':
		s.state = stateValue
		return true, More, nil
	case c == '}' && object, c == ']' && !object:
		return s.close()
	}
	return false, More, s.fail("%q where a comma or the end must stand", c)
}

func (s *Scanner) close() (taken bool, event Event, err error) {
	s.depth--
	return true, s.endValue(), nil
}

// endValue moves on behind a value, and is the event for that.
func (s *Scanner) endValue() Event {
	s.state = stateAfter
	if s.depth == 0 {
		s.state = stateDone
	}
	if s.depth <= s.eventDepth {
		return End
	}
	return More
}

func (s *Scanner) stepString(c byte) (Event, error) {
	switch {
	case s.state == stateHex:
		if !isHex(c) {
			return More, s.fail("%q in a \\u escape", c)
		}
		if s.hex--; s.hex == 0 {
			s.state = stateString
		}
	case s.state == stateEscape:
		s.state = stateString
		if c == 'u' {
			s.state, s.hex = stateHex, 4
		} else if strings.IndexByte(`"\/bfnrt`, c) < 0 {
			return More, s.fail("unknown escape \\%c", c)
		}
	case c == '\\':
		s.state = stateEscape
	case c < ' ':
		return More, s.fail("control character %#02x in a string", c)
	case c == '"':
		return s.endString(), nil
	}
	s.keep([]byte{c})
	return More, nil
}

func (s *Scanner) endString() Event {
	if !s.isKey {
		return s.endValue()
	}
	s.isKey = false
	s.state = stateColon
	if s.depth <= s.eventDepth {
		return Key
	}
	return More
}

func (s *Scanner) stepLiteral(c byte) (Event, error) {
	if c != s.lit[0] {
		return More, s.fail("%q in a literal", c)
	}
	if s.lit = s.lit[1:]; s.lit == "" {
		return s.endValue(), nil
	}
	return More, nil
}

func (s *Scanner) stepNumber(c byte) (taken bool, event Event, err error) {
	next, ok := s.num.next(c)
	switch {
	case ok:
		s.num = next
		return true, More, nil
	case !s.num.complete():
		return false, More, s.fail("%q in a number", c)
	default:
		return false, s.endValue(), nil // c comes after the number: it is looked at again
	}
}
