package state

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// rowStart is what each row in an output file begins with.
const rowStart = `{"seq":`

// cutTail takes away what a killed run left behind an offset, for good. What
// can't be from such a run stays, and so does all of the rest.
func cutTail(path string, offset int64) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
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

// unfinished refuses an output file that a killed run of another cursor wrote
// to: that cursor cuts off what was not finished, and with it whatever was
// appended meanwhile.
func (j *AccountState) unfinished(path string) error {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return fmt.Errorf("look at the other cursors: %w", err)
	}
	for _, entry := range entries {
		name, isCursor := strings.CutPrefix(entry.Name(), "pull-")
		name, isFile := strings.CutSuffix(name, ".json")
		if !isCursor || !isFile {
			continue
		}
		text, err := os.ReadFile(j.Path(entry.Name()))
		if err != nil {
			return fmt.Errorf("look at the other cursors: %w", err)
		}
		doc, err := parseCursor(text)
		if err == nil && doc.Output != nil && doc.Output.Writing && doc.Output.Path == path {
			return &OutputError{path, fmt.Sprintf("was being written by a run with --cursor %s that was killed: run that one first, or write to another file", name)}
		}
	}
	return nil
}
