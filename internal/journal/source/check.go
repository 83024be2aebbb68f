package mutationfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// listed is how many bad lines an error names.
const listed = 5

// BadLinesError says which lines of a file are no mutations that can be pushed.
type BadLinesError struct {
	Name  string
	Lines []string // the first few, each as "FILE:LINE: reason"
	Count int
}

func (e *BadLinesError) Error() string {
	text := "nothing was sent: " + strings.Join(e.Lines, ", and ")
	if more := e.Count - len(e.Lines); more > 0 {
		text += fmt.Sprintf(", and %d more bad lines", more)
	}
	return text
}

func (e *BadLinesError) add(line string) {
	if e.Count++; len(e.Lines) < listed {
		e.Lines = append(e.Lines, line)
	}
}

// Check reads the whole file, and gives a *BadLinesError if a line in it is no
// mutation; with force the content of mutations is not looked at. What comes
// behind a line that is too long is not looked at either. at names
// lines whose sums are wanted: see Sum.
func (f *File) Check(ctx context.Context, force bool, at ...int64) error {
	bad := &BadLinesError{Name: f.name}
	f.marks = map[int64][sha256.Size]byte{}
	wanted := map[int64]bool{}
	for _, n := range at {
		wanted[n] = true
	}
	var last line
	for l, err := range f.lines(ctx) {
		var long *BadLinesError
		if errors.As(err, &long) {
			bad.add(long.Lines[0])
			break
		}
		if err != nil {
			return err
		}
		if wanted[l.number] {
			f.marks[l.number] = l.sum()
		}
		last = l
		if err := checkLine(l, force); err != nil {
			bad.add(fmt.Sprintf("%s:%d: %v", f.name, l.number, err))
		}
	}
	if bad.Count > 0 {
		return bad
	}
	if last.number > 0 {
		f.marks[last.number] = last.sum()
	}
	return nil
}

// Sum is the hash of the file's first n lines, if Check was asked for it; false
// if it was not, or if there are fewer.
func (f *File) Sum(n int64) (sum [sha256.Size]byte, ok bool) {
	sum, ok = f.marks[n]
	return sum, ok
}

func checkLine(l line, force bool) error {
	switch {
	case l.number == 1 && bytes.HasPrefix(l.text, []byte("\xef\xbb\xbf")):
		return errors.New("the file begins with a byte order mark: save it as UTF-8 without one")
	case l.number == 1 && (bytes.HasPrefix(l.text, []byte("\xff\xfe")) || bytes.HasPrefix(l.text, []byte("\xfe\xff"))):
		return errors.New("the file is UTF-16: save it as UTF-8")
	case l.empty():
		return nil
	}
	e, err := engram.ParseMutation(l.text)
	if err != nil || force {
		return err
	}
	if err := e.Check(); err != nil {
		return fmt.Errorf("%w (--force sends it all the same)", err)
	}
	return nil
}
