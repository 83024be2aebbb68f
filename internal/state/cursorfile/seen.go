package cursorfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// seenLog is what counts of a file of journal refs, ascending: its first Bytes bytes.
// What lies behind them was written by a run that came to no end, and is cut.
type seenLog struct {
	Generation int   `json:"generation"`
	Bytes      int64 `json:"bytes"`
	Last       int64 `json:"last"` // the seq of the last one
}

// seenWriter appends to a seen log's file. What was appended counts when a
// cursor with the seen log is saved.
type seenWriter struct {
	seenLog
	file *os.File
	out  *bufio.Writer
}

// openSeen opens the file of a seen log for appending, and makes it if nothing
// of it counts.
func openSeen(path string, l seenLog) (*seenWriter, error) {
	if l.Bytes == 0 {
		if err := atomicfile.Write(path, nil, 0o600); err != nil {
			return nil, err
		}
	}
	file, err := sharing.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return nil, err
	}
	w := &seenWriter{seenLog: l, file: file, out: bufio.NewWriter(file)}
	if err := w.cut(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return w, nil
}

// cut takes away what does not count.
func (w *seenWriter) cut() error {
	info, err := w.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < w.Bytes {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, w.file.Name(), io.ErrUnexpectedEOF)
	}
	if err := w.file.Truncate(w.Bytes); err != nil {
		return err
	}
	_, err = w.file.Seek(w.Bytes, io.SeekStart)
	return err
}

func (w *seenWriter) append(marks []engram.JournalRef) error {
	buf := make([]byte, 0, maxRefBytes)
	for _, m := range marks {
		if m.Seq <= w.Last {
			return fmt.Errorf("row %d comes after row %d: %w", m.Seq, w.Last, errBadRefs)
		}
		buf = appendRef(buf[:0], w.Last, m)
		if _, err := w.out.Write(buf); err != nil {
			return err
		}
		w.Last = m.Seq
		w.Bytes += int64(len(buf))
	}
	return nil
}

// sync makes what was appended durable.
func (w *seenWriter) sync() error {
	if err := w.out.Flush(); err != nil {
		return err
	}
	return w.file.Sync()
}

// readSeen gives the refs that count, from the file. The last pair is an
// error, if there is one.
func readSeen(path string, l seenLog) iter.Seq2[engram.JournalRef, error] {
	return func(yield func(engram.JournalRef, error) bool) {
		if l.Bytes == 0 {
			return
		}
		file, err := sharing.Open(path)
		if err != nil {
			yield(engram.JournalRef{}, fmt.Errorf("%w: %w", ErrDamaged, err))
			return
		}
		defer func() { _ = file.Close() }() // it was only read
		in := bufio.NewReader(io.LimitReader(file, l.Bytes))
		before, left := int64(0), l.Bytes
		for left > 0 {
			text, err := in.Peek(maxRefBytes)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(engram.JournalRef{}, err)
				return
			}
			m, n, err := cutRef(text, before)
			if err != nil {
				yield(engram.JournalRef{}, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err))
				return
			}
			if !yield(m, nil) {
				return
			}
			before, left = m.Seq, left-int64(n)
			_, _ = in.Discard(n) // it was peeked at, so it is there
		}
	}
}
