// Package spool has the places that bodies of requests wait in until they are known to be good, and those of answers until
// they are taken: slow clients hold no transaction, and little memory. internal/server fills them.
package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/limits"
	"github.com/engram-sync/engram-sync/internal/server/pushbody"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

const (
	// Buffer is how much of a body is in memory at a time.
	Buffer = 64 << 10
	// Prefix starts the names of spool files.
	Prefix = "push-"
	// leftoverAge is the age at which a spool file or staging directory belongs to
	// nobody any more. Those in use, also by other processes, are not that old:
	// uploads write all the time, and no database takes a day to copy.
	leftoverAge = 24 * time.Hour
)

// ErrDisk is wrapped by errors about the disk that bodies are spooled to.
var ErrDisk = errors.New("spool a request body")

// Place is where spools are made.
type Place struct {
	Dir   string
	Log   *slog.Logger
	Bytes *limits.Bytes // in files, by account
}

// Spool holds one body: written, then read from its start, then discarded. One
// that fits into the buffer stays there; others get a file.
type Spool struct {
	in     Place
	owner  string   // an account
	buffer []byte   // of which as much is used as waits for the file
	file   *os.File // nil without one
	filed  int64    // bytes that are in the file
}

// New gives one of an account that has room for so many bytes in memory. The caller discards it.
func (p Place) New(owner string, size int64) *Spool {
	return &Spool{in: p, owner: owner, buffer: make([]byte, 0, min(size, Buffer))}
}

// Sweep removes what processes that were killed have left in dir under names
// that start with prefix.
func Sweep(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for leftovers: %w", err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > leftoverAge {
			err = sharing.RemoveAll(filepath.Join(dir, entry.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a leftover: %w", err)
		}
	}
	return nil
}

// Fill copies a body to the spool, to be read from its start, and shows each
// piece to check. After an error of check it still reads on, without keeping
// anything: clients that send all before they look for an answer would otherwise
// see a broken connection. Not so where there are too many rows, which no client that is known
// sends: to take in one batch of those after the other would slow down everybody.
func (s *Spool) Fill(body io.Reader, check func(piece []byte) error) error {
	var bad error
	for {
		n, err := body.Read(s.buffer[len(s.buffer):cap(s.buffer)])
		if bad == nil {
			piece := s.buffer[len(s.buffer) : len(s.buffer)+n]
			s.buffer = s.buffer[:len(s.buffer)+n]
			if bad = check(piece); bad != nil {
				s.buffer = s.buffer[:0] // room for what still comes
			}
			if errors.Is(bad, pushbody.ErrTooMany) {
				return bad
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if len(s.buffer) == cap(s.buffer) {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	if bad != nil {
		return bad
	}
	return s.End()
}

// Len is how many bytes there are to read.
func (s *Spool) Len() int64 { return s.filed + int64(len(s.buffer)) }

// Write keeps p as well.
func (s *Spool) Write(p []byte) (n int, err error) {
	for n < len(p) {
		took := copy(s.buffer[len(s.buffer):cap(s.buffer)], p[n:])
		s.buffer = s.buffer[:len(s.buffer)+took]
		n += took
		if len(s.buffer) == cap(s.buffer) {
			if err := s.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// End ends the writing: then it can be read.
func (s *Spool) End() error {
	if s.file == nil {
		return nil
	}
	err := s.flush()
	s.buffer = nil // not needed while it waits for its reader
	return err
}

// Reader reads it from its start, as others may at the same time.
func (s *Spool) Reader() io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.buffer)
	}
	return io.NewSectionReader(onDisk{s.file}, 0, s.filed)
}

// onDisk says where its errors come from.
type onDisk struct{ io.ReaderAt }

func (d onDisk) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.ReaderAt.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return n, err
}

// flush moves what is in the buffer to the file.
func (s *Spool) flush() (err error) {
	if err := s.in.Bytes.Take(s.owner, int64(len(s.buffer))); err != nil {
		return err
	}
	s.filed += int64(len(s.buffer))
	if s.file == nil {
		s.file, err = os.CreateTemp(s.in.Dir, Prefix) // 0600
	}
	if err == nil {
		_, err = s.file.Write(s.buffer)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	s.buffer = s.buffer[:0]
	return nil
}

// Discard removes the file. That it stays harms no request.
func (s *Spool) Discard(ctx context.Context) {
	s.in.Bytes.Give(s.owner, s.filed)
	if s.file == nil {
		return
	}
	if err := errors.Join(s.file.Close(), sharing.Remove(s.file.Name())); err != nil {
		s.in.Log.ErrorContext(ctx, "a spool file stays", "error", fmt.Errorf("%w: %w", ErrDisk, err).Error())
	}
}
