package engram

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// pieces are how the text of a manifest comes from a server: most of it is dropped as soon as
// it was read.
type pieces struct {
	r      io.Reader
	ended  bool
	before int // bytes that were dropped
	lines  int // in these
	good   int // of what is at hand, bytes that are whole characters
}

const (
	pieceBytes = 64 << 10
	// longPlainEntry is more than an entry takes, so that few are cut by the end of a piece.
	longPlainEntry = 512
	// maxEntryBytes bounds what is held of one: a text of nothing else would be held twice.
	maxEntryBytes = 4 << 20
)

var errNotUTF8 = errors.New("not valid UTF-8")

// more reads on, and drops what nobody will look at any more. It says whether there was more, which
// there never is where the whole text is at hand.
func (p *manifestParser) more() (bool, error) {
	s := p.pieces
	if s == nil || s.ended {
		return false, nil
	}
	drop := p.at
	if p.held {
		drop = p.from
	}
	s.lines, s.before = p.line(drop)-1, s.before+drop
	rest := copy(p.text, p.text[drop:])
	p.text, p.at, p.from, s.good = p.text[:rest], p.at-drop, max(0, p.from-drop), max(0, s.good-drop)
	if rest > maxEntryBytes {
		return false, p.fail(0, fmt.Errorf("one value takes more than %d bytes", maxEntryBytes))
	}
	if free := cap(p.text) - rest; free < pieceBytes/2 {
		p.text = append(make([]byte, 0, 2*rest+pieceBytes), p.text...)
	}
	for p.text, s.ended = p.text[:rest], false; !s.ended && len(p.text) < cap(p.text); {
		n, err := s.r.Read(p.text[len(p.text):cap(p.text)])
		p.text, s.ended = p.text[:len(p.text)+n], err == io.EOF
		if err != nil && !s.ended {
			return false, err
		}
	}
	end := wholeRunes(p.text)
	if !utf8.Valid(p.text[s.good:end]) {
		return false, p.fail(p.at, errNotUTF8)
	}
	if s.ended && end < len(p.text) {
		return false, fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, p.fail(p.at, errNotUTF8))
	}
	s.good = end
	return len(p.text) > rest, nil
}

// wholeRunes is where a character begins that the end of a text may have cut; else the end.
func wholeRunes(text []byte) int {
	for at := len(text) - 1; at >= max(0, len(text)-utf8.UTFMax+1); at-- {
		if utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				return at
			}
			break
		}
	}
	return len(text)
}
