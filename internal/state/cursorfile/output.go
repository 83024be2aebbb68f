package cursorfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/filelock"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// outputMark is how much of an output file counts. While a run writes, what
// lies behind Offset is its own unfinished work.
type outputMark struct {
	Path    string `json:"path"`
	File    string `json:"file,omitempty"` // its identity: several paths can lead to one file
	Offset  int64  `json:"offset"`
	Writing bool   `json:"writing,omitempty"`
}

// is says whether it is about the file with this path and this identity, "" if there
// is none. Of a file that took the other's place its size shows whether it continues it.
func (m *outputMark) is(path, file string) bool {
	if m.Path == path {
		return true
	}
	known := m.File
	if known == "" { // of an older release
		known, _ = filelock.IdentityAt(m.Path) // what is gone is no other file
	}
	return known != "" && known == file
}

func sameOutput(a, b *outputMark) bool { return a == b || a != nil && b != nil && *a == *b }

// OutputError says that an output file is not as the last run left it, or
// cannot be one. Nothing in it was changed.
type OutputError struct{ Path, Reason string }

func (e *OutputError) Error() string { return "the output file " + e.Path + " " + e.Reason }

// Output is a file that a reader of a journal appends to. Its length is
// saved with the cursor, so that each row is in it exactly once, whatever
// happens to the process or the machine.
type Output struct {
	cursor  *File
	path    string
	id      string // the identity of the file; "" while there is none
	file    *os.File
	size    int64 // flushed
	pending int64 // written, not flushed
	foreign bool  // somebody else writes to it
	// Begun says that the file of earlier runs is gone, or was emptied, and
	// that this is a new one.
	Begun bool
}

// closed is the mark of a file that nobody writes to any more.
func (m *outputMark) closed() *outputMark {
	return &outputMark{Path: m.Path, File: m.File, Offset: m.Offset}
}

// writeOutput puts on disk what counts of the output file.
func (c *File) writeOutput(mark *outputMark) error {
	next := c.doc
	next.Output = mark
	return c.write(next)
}

// OpenOutput opens a file to append to, and makes it (mode 0600) if it is not
// there. A file that is not as this cursor's last run left it is refused with
// an *OutputError; one that this cursor did not write to before is continued
// behind its last line. It is closed before the File.
func (c *File) OpenOutput(path string) (*Output, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the output file: %w", err)
	}
	o := &Output{cursor: c, path: path}
	if err := o.prepare(); err != nil {
		return nil, err
	}
	if o.file, err = sharing.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return nil, fmt.Errorf("open the output file: %w", err)
	}
	if o.id, err = filelock.Identity(o.file); err != nil {
		return nil, errors.Join(fmt.Errorf("open the output file: %w", err), o.file.Close())
	}
	c.output = o
	if o.Begun {
		if err := c.writeOutput(o.mark(false)); err != nil {
			return nil, errors.Join(err, o.Close())
		}
	}
	return o, nil
}

// prepare looks whether the file may be appended to, and makes it if need be. One
// that may is in one of four states: it is not there, it is as the cursor's last
// run left it, it was emptied since, or the cursor never wrote to it.
func (o *Output) prepare() error {
	there, err := o.stat()
	if err != nil {
		return err
	}
	last := o.cursor.doc.Output
	if last != nil && !last.is(o.path, o.id) {
		last = nil
	}
	if err := o.cursor.unfinished(o.path, o.id); err != nil {
		return err
	}
	switch {
	case !there:
		o.Begun = last != nil
		return o.create()
	case last == nil: // of others
		return o.wantWholeLines()
	case o.size == last.Offset: // as it was left
		return nil
	case o.size == 0: // emptied, as when logs are rotated
		o.Begun = true
		return nil
	case o.size > last.Offset:
		return &OutputError{o.path, fmt.Sprintf("has %d bytes more than were written to it: somebody else changed it, and nothing is cut off that may be theirs; move it away, or write to another file", o.size-last.Offset)}
	}
	return &OutputError{o.path, fmt.Sprintf("has %d bytes less than were written to it: somebody else changed it; move it away, or write to another file", last.Offset-o.size)}
}

// stat looks whether there is a file, and how large it is.
func (o *Output) stat() (there bool, err error) {
	info, err := os.Stat(o.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("open the output file: %w", err)
	case info.IsDir():
		return false, &OutputError{o.path, "is a directory: name a file"}
	case !info.Mode().IsRegular():
		return false, &OutputError{o.path, "is not a regular file: leave --output out, and send stdout there"}
	}
	o.size = info.Size()
	if o.id, err = filelock.IdentityAt(o.path); err != nil {
		return false, fmt.Errorf("open the output file: %w", err)
	}
	return true, nil
}

func (o *Output) create() error {
	err := atomicfile.Write(o.path, nil, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return &OutputError{o.path, "cannot be made: its directory, or what the link there points to, does not exist"}
	}
	if err != nil {
		return fmt.Errorf("make the output file: %w", err)
	}
	return nil
}

// wantWholeLines refuses a file whose last line does not end.
func (o *Output) wantWholeLines() error {
	if o.size == 0 {
		return nil
	}
	file, err := sharing.Open(o.path)
	if err != nil {
		return fmt.Errorf("open the output file: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	end := make([]byte, 1)
	if _, err := file.ReadAt(end, o.size-1); err != nil {
		return fmt.Errorf("read the output file: %w", err)
	}
	if end[0] != '\n' {
		return &OutputError{o.path, "does not end with a line break: move it away, or write to another file"}
	}
	return nil
}

// mark is what to remember of the file.
func (o *Output) mark(writing bool) *outputMark {
	return &outputMark{Path: o.path, File: o.id, Offset: o.size, Writing: writing}
}

// Write appends to the file. It counts after a Flush and the cursor's Save.
func (o *Output) Write(p []byte) (int, error) {
	if mark := o.cursor.doc.Output; mark == nil || !mark.Writing {
		if err := o.cursor.writeOutput(o.mark(true)); err != nil {
			return 0, err
		}
	}
	n, err := o.file.Write(p)
	o.pending += int64(n)
	if err != nil {
		return n, fmt.Errorf("write the output file: %w", err)
	}
	return n, nil
}

// Flush makes what was written durable.
func (o *Output) Flush() error {
	if o.pending == 0 {
		return nil
	}
	if err := o.file.Sync(); err != nil {
		return fmt.Errorf("write the output file: %w", err)
	}
	info, err := o.file.Stat()
	if err != nil {
		return fmt.Errorf("write the output file: %w", err)
	}
	if info.Size() != o.size+o.pending {
		o.foreign = true
		return &OutputError{o.path, "changes while it is being written: somebody else writes to it too"}
	}
	o.size, o.pending = info.Size(), 0
	return nil
}

// Close cuts off what was not saved, unless somebody else wrote there too, and
// says that nobody writes any more. After a Save that failed it leaves that to
// the next Open: which state is on disk is not known then.
func (o *Output) Close() error {
	c, mark := o.cursor, o.cursor.doc.Output
	c.output = nil
	err := o.file.Close()
	if err != nil || c.failed || mark == nil || !mark.Writing {
		return err
	}
	if o.foreign {
		return c.writeOutput(mark.closed())
	}
	return c.recover()
}

// unfinished refuses an output file that a run of another cursor, of whatever account,
// writes to, or did when it was killed: that cursor cuts off what was not finished, and
// with it whatever was appended meanwhile.
func (c *File) unfinished(path, file string) error {
	journals := c.journal.Journals()
	cursors, err := fs.Glob(os.DirFS(journals), "*/pull-*.json")
	if err != nil {
		return fmt.Errorf("look at the other cursors: %w", err)
	}
	for _, name := range cursors {
		other := filepath.Join(journals, filepath.FromSlash(name))
		text, err := sharing.ReadFile(other)
		if errors.Is(err, fs.ErrNotExist) || other == c.path() {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at the other cursors: %w", err)
		}
		doc, err := parseCursor(text)
		if err != nil || doc.Output == nil || !doc.Output.Writing || !doc.Output.is(path, file) {
			continue
		}
		reader, _, asks := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(other), "pull-"), ".json"), "+")
		run := "--cursor " + reader
		if asks {
			run += " and --include or --exclude"
		}
		if filepath.Dir(other) != filepath.Dir(c.path()) {
			run += " of another account, on " + doc.Remote + ","
		}
		return &OutputError{path, fmt.Sprintf("was being written by a run with %s that was killed, or is still at work: run that one first, or write to another file", run)}
	}
	return nil
}
