package terminal

import (
	"os"

	"golang.org/x/term"
)

// The bounds of lines that are read: shorter ones fall apart, and in longer ones the eye loses its line.
const (
	minWidth, maxWidth = 40, 100
	pipeWidth          = 80 // where there is no terminal: the same for everybody
)

// Width is how many columns a line of text on stdout should have at most.
func (t *Terminal) Width() int {
	if t.paged != nil {
		return t.paged.width
	}
	return min(max(t.columns(), minWidth), maxWidth)
}

// columns is how many stdout has.
func (t *Terminal) columns() int {
	f, ok := t.Stdout.stream.raw.(*os.File)
	if !ok {
		return pipeWidth
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		return pipeWidth
	}
	return columns
}
