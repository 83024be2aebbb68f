package source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// MaxLine bounds a line, in bytes. No server takes more in one push
// (account-server.md 1.3).
const MaxLine = 10 << 20

// errLong says that a line is over MaxLine.
var errLong = fmt.Errorf("the line is longer than %d bytes (10 MiB), which is all that a server takes in one push", MaxLine)

// File is a file of JSON Lines, read in memory for one line. It is known again by
// the hash of its beginning. It does not change while it is open: what is
// added to it at the end meanwhile does not count. Use by one goroutine.
type File struct {
	name string
	file *os.File
	size int64
	temp string // to be removed at the end; "" for a file of somebody else
	// Force passes over what mutations say: only the form of a line counts.
	Force bool
	first journal.RowHash

	// What Check found.
	sums  map[int64]journal.RowHash // by line
	last  int64                     // the last line; 0 as long as they have not passed
	blank journal.Positions         // the lines without a mutation
}

// OpenFile opens a file, which keeps its name in errors. What can be read only
// once, such as a pipe, is copied to a private file first.
func OpenFile(name string) (*File, error) {
	file, err := sharing.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	switch {
	case info.IsDir():
		return nil, errors.Join(fmt.Errorf("%s %w", name, ErrDirectory), file.Close())
	case !info.Mode().IsRegular():
		defer func() { _ = file.Close() }() // it was only read
		return Spool(name, file)
	}
	return &File{name: name, file: file, size: info.Size()}, nil
}

// Spool copies r to a private file that goes away when it is closed.
func Spool(name string, r io.Reader) (*File, error) {
	file, err := os.CreateTemp("", "engram-sync-*.jsonl") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("keep what %s gives: %w", name, err)
	}
	f := &File{name: name, file: file, temp: file.Name()}
	if sharing.Remove(f.temp) == nil { // where that works, not even a kill leaves it behind
		f.temp = ""
	}
	if f.size, err = io.Copy(file, r); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name, err), f.Close())
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error {
	err := f.file.Close()
	if f.temp != "" {
		err = errors.Join(err, sharing.Remove(f.temp))
	}
	return err
}

// Name is what to call the file.
func (f *File) Name() string { return f.name }

// Empty says whether the file has no byte at all.
func (f *File) Empty() bool { return f.size == 0 }

// ID implements journal.Source.
func (f *File) ID() string { return "file " + hex.EncodeToString(f.first[:]) }

// Group implements Source: files can have the same first line.
func (f *File) Group() [32]byte { return f.first }

// Begin reads the first line, by which the file is known.
func (f *File) Begin(ctx context.Context) error {
	f.first = sha256.Sum256(nil)
	for l, err := range f.lines(ctx) {
		if err != nil {
			return err
		}
		f.first = l.sum()
		break
	}
	return nil
}

// Rows gives the mutations behind a line, 0 being the beginning. Empty lines
// are passed over. An error ends it.
func (f *File) Rows(ctx context.Context, after int64) iter.Seq2[journal.Row, error] {
	return func(yield func(journal.Row, error) bool) {
		for l, err := range f.lines(ctx) {
			if err == nil {
				err = f.compare(l)
			}
			if err != nil {
				yield(journal.Row{}, err)
				return
			}
			if l.number <= after || l.empty() {
				continue
			}
			row := journal.Row{Position: l.number, Hash: l.sum()}
			if row.Entry, err = engram.ParseMutation(l.text); err != nil {
				err = fmt.Errorf("%s:%d: %w: %w", f.name, l.number, ErrChanged, err) // it passed the check
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// compare says whether the file is still what it was when it was checked.
func (f *File) compare(l line) error {
	if want, known := f.sums[l.number]; known && want != l.sum() {
		return fmt.Errorf("%s: %w", f.name, ErrChanged)
	}
	return nil
}

// line is one line of the file, which is valid until the next one. Its hash is
// over all lines so far, each with one line break, whether the last has one or not.
type line struct {
	number int64
	text   []byte
	hash   hash.Hash
}

func (l line) empty() bool { return len(bytes.TrimSpace(l.text)) == 0 }

func (l line) sum() (sum journal.RowHash) {
	l.hash.Sum(sum[:0])
	return sum
}

func (f *File) lines(ctx context.Context) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		in := bufio.NewReaderSize(io.NewSectionReader(f.file, 0, f.size), 64<<10)
		l := line{hash: sha256.New()}
		for {
			text, err := readLine(in, l.text[:0])
			if errors.Is(err, io.EOF) && len(text) == 0 {
				return
			}
			l.number, l.text = l.number+1, text
			switch {
			case ctx.Err() != nil:
				err = context.Cause(ctx)
			case errors.Is(err, io.EOF):
				err = nil
			case errors.Is(err, errLong):
				err = &BadLinesError{Name: f.name, Lines: []string{fmt.Sprintf("%s:%d: %v", f.name, l.number, err)}, Count: 1}
			case err != nil:
				err = fmt.Errorf("%s:%d: %w", f.name, l.number, err)
			}
			l.hash.Write(l.text)
			l.hash.Write([]byte{'\n'})
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

// readLine reads up to the next line break, which is left out. io.EOF comes
// with the text before the end.
func readLine(in *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		piece, err := in.ReadSlice('\n')
		buf = append(buf, piece...)
		switch {
		case len(bytes.TrimSuffix(buf, []byte{'\n'})) > MaxLine:
			return buf, errLong
		case err == nil:
			return buf[:len(buf)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return buf, err
		}
	}
}

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

// Check implements Source: it reads the whole file, and gives a *BadLinesError if a
// line in it is no mutation. What comes behind a line that is too long is not looked at.
// Lines that have passed once are not judged again.
func (f *File) Check(ctx context.Context, jobs []*journal.Job) error {
	wanted := map[int64]bool{}
	for _, job := range jobs {
		wanted[job.Position] = true
		if job.Intent != nil {
			wanted[job.Intent.Last()] = true
		}
	}
	if f.last > 0 && len(wanted) == 0 {
		return nil
	}
	bad := &BadLinesError{Name: f.name}
	sums, blank := map[int64]journal.RowHash{}, journal.Positions(nil)
	var last line
	for l, err := range f.lines(ctx) {
		if long, ok := errors.AsType[*BadLinesError](err); ok {
			bad.add(long.Lines[0])
			break
		}
		if err == nil {
			err = f.compare(l)
		}
		if err != nil {
			return err
		}
		if wanted[l.number] {
			sums[l.number] = l.sum()
		}
		if l.empty() {
			blank.Add(l.number)
		}
		if last = l; f.last > 0 {
			continue
		}
		if err := checkLine(l, f.Force); err != nil {
			bad.add(fmt.Sprintf("%s:%d: %v", f.name, l.number, err))
		}
	}
	if bad.Count > 0 {
		return bad
	}
	if last.number > 0 {
		sums[last.number] = last.sum()
	}
	f.sums, f.last, f.blank = sums, last.number, blank
	return nil
}

// Count is how many mutations there are behind a line, of a file that has passed Check.
func (f *File) Count(after int64) int {
	before := append(journal.Positions(nil), f.blank...)
	before.Cut(after)
	return int(max(0, f.last-after) - f.blank.Len() + before.Len())
}

// Matches implements Source, for the lines that the jobs of Check came to, and the last.
func (f *File) Matches(_ context.Context, n int64, hash journal.RowHash) (bool, error) {
	sum, ok := f.sums[n]
	return ok && sum == hash, nil
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
	e, err := engram.ReadMutation(l.text)
	if err != nil || force {
		return err
	}
	if err := e.Check(); err != nil {
		return fmt.Errorf("%w (--force sends it all the same)", err)
	}
	return nil
}
