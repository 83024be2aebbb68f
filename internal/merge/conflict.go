package merge

import (
	"bytes"
	"fmt"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// conflictSides are the texts that git has written into one, with markers.
type conflictSides struct{ ours, base, theirs []byte }

// splitConflict gives the whole text of each side: lines outside of the markers
// belong to all. base is empty where the style of the markers does not show it.
// Where it does, it may lack lines that both sides have added (zdiff3).
//
// The first marker says how long markers are: longer ones than git's usual are
// around text that has such markers itself.
func splitConflict(text []byte) (conflictSides, error) {
	s := splitter{size: firstMarker(text)}
	for line := range bytes.Lines(text) {
		s.line++
		if err := s.take(line); err != nil {
			return conflictSides{}, err
		}
	}
	if s.at != outside {
		return conflictSides{}, s.fail("the last one is not closed")
	}
	if !s.hasBase {
		s.sides.base = nil
	}
	return s.sides, nil
}

// Where a line stands: which marker came last.
const (
	outside = 0
	inOurs  = '<'
	inBase  = '|'
	before  = '='
	behind  = '>'
)

type splitter struct {
	size    int
	line    int
	at      byte
	hasBase bool
	sides   conflictSides
}

func (s *splitter) take(line []byte) error {
	marker := s.marker(line)
	switch {
	case marker == 0:
		s.keep(line)
	case marker == inOurs && s.at == outside,
		marker == inBase && s.at == inOurs,
		marker == before && (s.at == inOurs || s.at == inBase):
		s.at = marker
		s.hasBase = s.hasBase || marker == inBase
	case marker == behind && s.at == before:
		s.at = outside
	default:
		return s.fail("one stands inside another")
	}
	return nil
}

func (s *splitter) keep(line []byte) {
	if s.at == outside || s.at == inOurs {
		s.sides.ours = append(s.sides.ours, line...)
	}
	if s.at == outside || s.at == inBase {
		s.sides.base = append(s.sides.base, line...)
	}
	if s.at == outside || s.at == before {
		s.sides.theirs = append(s.sides.theirs, line...)
	}
}

// marker is the sign that a line of just so many signs begins with, 0 for any
// other line.
func (s *splitter) marker(line []byte) byte {
	if n := markerLength(line); n == 0 || n != s.size {
		return 0
	}
	switch rest := line[s.size:]; {
	case len(rest) == 0, rest[0] == ' ', rest[0] == '\r', rest[0] == '\n':
		return line[0]
	}
	return 0
}

func (s *splitter) fail(reason string) error {
	return &engram.ManifestError{Line: s.line, Err: fmt.Errorf("%w: %s", ErrTangled, reason)}
}

// firstMarker is how long the first marker in a text is.
func firstMarker(text []byte) int {
	for line := range bytes.Lines(text) {
		if n := markerLength(line); n >= markerSize {
			return n
		}
	}
	return 0
}

// markerLength is of how many signs the marker consists that a text begins with.
func markerLength(text []byte) int {
	if len(text) == 0 || bytes.IndexByte([]byte("<|=>"), text[0]) < 0 {
		return 0
	}
	return len(text) - len(bytes.TrimLeft(text, string(text[0])))
}

// WholeConflict is a conflict about all of two texts, which need not be
// manifests: it has them whole between markers. Where they have markers
// themselves, those around them are longer.
func WholeConflict(ours, theirs []byte) []byte {
	size := markerSize
	for _, text := range [][]byte{ours, theirs} {
		for line := range bytes.Lines(text) {
			if n := markerLength(line); n >= size {
				size = n + 1
			}
		}
	}
	return []byte(conflictText(string(bytes.TrimSuffix(ours, []byte("\n"))), string(bytes.TrimSuffix(theirs, []byte("\n"))), size))
}
