package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/limits"
	"github.com/engram-sync/engram-sync/internal/server/pushbody"
	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// receiveBuffer is how much of a body is in memory at a time.
const receiveBuffer = 64 << 10

// spoolPrefix starts the names of spool files.
const spoolPrefix = "push-"

// leftoverAge is the age at which a spool file or staging directory belongs to
// nobody any more. Those in use, also by other processes, are not that old:
// uploads write all the time, and no database takes a day to copy.
const leftoverAge = 24 * time.Hour

// errSpool is wrapped by errors about the disk that bodies are spooled to.
var errSpool = errors.New("spool a request body")

// spools makes the places that bodies wait in until they are known to be good, and
// pages until they are taken: slow clients hold no transaction, and little memory.
type spools struct {
	dir   string
	log   *slog.Logger
	bytes *limits.Bytes // in files, by account
}

// spool is one such place: written, then read from its start, then discarded. A
// body that fits into the buffer stays there; others get a file.
type spool struct {
	in     spools
	owner  string   // an account
	buffer []byte   // of which as much is used as waits for the file
	file   *os.File // nil without one
	size   int64    // of what Write kept
	filed  int64    // bytes that are in the file
}

func (s *spool) Read(p []byte) (int, error) {
	if s.file == nil {
		n := copy(p, s.buffer)
		s.buffer = s.buffer[n:]
		if n == 0 && len(p) > 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	n, err := s.file.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errSpool, err)
	}
	return n, err
}

// sweepOld removes what processes that were killed have left in dir under names
// that start with prefix.
func sweepOld(dir, prefix string) error {
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

// fill copies a body to the spool, to be read from its start, and shows each
// piece to check. After an error of check it still reads on, without keeping
// anything: clients that send all before they look for an answer would otherwise
// see a broken connection. Not so where there are too many rows, which no client that is known
// sends: to take in one batch of those after the other would slow down everybody.
func (s *spool) fill(body io.Reader, check func(piece []byte) error) error {
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
			return bodyRefusal(err)
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
	return s.rewind()
}

// length is how many bytes there are to read behind fill.
func (s *spool) length() int64 {
	if s.file == nil {
		return int64(len(s.buffer))
	}
	return s.filed
}

// Write keeps p as well.
func (s *spool) Write(p []byte) (n int, err error) {
	for n < len(p) {
		took := copy(s.buffer[len(s.buffer):cap(s.buffer)], p[n:])
		s.buffer = s.buffer[:len(s.buffer)+took]
		n += took
		s.size += int64(took)
		if len(s.buffer) == cap(s.buffer) {
			if err := s.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// rewind ends the writing: what is read then begins at the start.
func (s *spool) rewind() error {
	if s.file == nil {
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	return nil
}

// flush moves what is in the buffer to the file.
func (s *spool) flush() (err error) {
	if err := s.in.bytes.Take(s.owner, int64(len(s.buffer))); err != nil {
		return err
	}
	s.filed += int64(len(s.buffer))
	if s.file == nil {
		s.file, err = os.CreateTemp(s.in.dir, spoolPrefix) // 0600
	}
	if err == nil {
		_, err = s.file.Write(s.buffer)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	s.buffer = s.buffer[:0]
	return nil
}

// start gives the body of a request, which fails behind limit bytes, and a
// spool for it. The caller discards that.
func (s spools) start(w http.ResponseWriter, r *http.Request, u store.User, limit int64) (io.Reader, *spool, error) {
	body, err := limitBody(w, r, limit)
	if err != nil {
		return nil, nil, err
	}
	size := int64(receiveBuffer)
	if r.ContentLength >= 0 { // one more, so that it is not full before the end
		size = min(size, r.ContentLength+1)
	}
	return body, s.empty(u, size), nil
}

// empty gives one of an account that has room for so many bytes in memory. The caller discards it.
func (s spools) empty(u store.User, size int64) *spool {
	return &spool{in: s, owner: u.ID, buffer: make([]byte, 0, size)}
}

// discard removes the file of a spool. That it stays harms no request.
func (s spools) discard(ctx context.Context, spooled *spool) {
	s.bytes.Give(spooled.owner, spooled.filed)
	if spooled.file == nil {
		return
	}
	if err := errors.Join(spooled.file.Close(), sharing.Remove(spooled.file.Name())); err != nil {
		s.log.ErrorContext(ctx, "a spool file stays", "error", fmt.Errorf("%w: %w", errSpool, err).Error())
	}
}
