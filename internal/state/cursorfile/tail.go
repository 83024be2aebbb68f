package cursorfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/engram-sync/engram-sync/internal/filelock"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// recover cuts off what a killed run left behind in its output file.
func (c *File) recover() error {
	mark := c.doc.Output
	if mark == nil || !mark.Writing {
		return nil
	}
	info, err := os.Stat(mark.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("look after the output file: %w", err)
	case info.Mode().IsRegular() && info.Size() > mark.Offset && mark.leadsThere():
		if err := cutTail(mark.Path, mark.Offset); err != nil {
			return fmt.Errorf("cut off what an interrupted run left in the output file: %w", err)
		}
	}
	return c.writeOutput(mark.closed())
}

// leadsThere says whether the path still leads to the file that was written.
func (m *outputMark) leadsThere() bool {
	file, err := filelock.IdentityAt(m.Path)
	return m.File == "" || err == nil && file == m.File
}

// rowStart is what each row in an output file begins with.
const rowStart = `{"seq":`

// cutTail takes away what a killed run left behind an offset, for good. What
// can't be from such a run stays, and so does all of the rest.
func cutTail(path string, offset int64) (err error) {
	file, err := sharing.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	ours, err := onlyRows(file)
	if err != nil || !ours {
		return err
	}
	if err := file.Truncate(offset); err != nil {
		return err
	}
	return file.Sync()
}

// onlyRows says whether a text is lines that begin as rows do. The last may be
// torn, and after a power failure zeros can stand for what was not written.
func onlyRows(text io.Reader) (bool, error) {
	in := bufio.NewReader(text)
	for {
		start, err := in.Peek(len(rowStart))
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		written := bytes.TrimRight(start, "\x00")
		switch {
		case !bytes.HasPrefix([]byte(rowStart), written):
			return false, nil
		case len(written) < len(rowStart):
			return true, nil // torn here
		}
		for err = bufio.ErrBufferFull; errors.Is(err, bufio.ErrBufferFull); {
			_, err = in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
	}
}
