package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
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

// Check implements Source: it gives a *BadLinesError if a line is no mutation.
func (f *File) Check(ctx context.Context, jobs []*journal.Job) error {
	var at []int64
	for _, job := range jobs {
		at = append(at, job.Position)
		if job.Intent != nil {
			at = append(at, job.Intent.Last())
		}
	}
	return f.CheckLines(ctx, at...)
}

// Matches implements Source.
func (f *File) Matches(_ context.Context, n int64, hash journal.RowHash) (bool, error) {
	sum, ok := f.Sum(n)
	return ok && sum == hash, nil
}

// CheckLines reads the whole file, and gives a *BadLinesError if a line in it is no
// mutation. What comes behind a line that is too long is not looked at. at names
// lines whose sums are wanted: see Sum.
func (f *File) CheckLines(ctx context.Context, at ...int64) error {
	bad := &BadLinesError{Name: f.name}
	f.sums = map[int64]journal.RowHash{}
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
			f.sums[l.number] = l.sum()
		}
		last = l
		if err := checkLine(l, f.Force); err != nil {
			bad.add(fmt.Sprintf("%s:%d: %v", f.name, l.number, err))
		}
	}
	if bad.Count > 0 {
		return bad
	}
	if last.number > 0 {
		f.sums[last.number] = last.sum()
	}
	return nil
}

// Sum is the hash of the file's first n lines, if CheckLines was asked for it; false
// if it was not, or if there are fewer.
func (f *File) Sum(n int64) (sum journal.RowHash, ok bool) {
	sum, ok = f.sums[n]
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
