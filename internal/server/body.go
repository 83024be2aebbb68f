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

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Limits of request bodies in bytes, inclusive (account-server.md 1.3; the
// reference server has none for sign-in).
const (
	maxPushBytes      = 50 << 20
	maxMutationsBytes = 10 << 20
	maxAuthBytes      = 64 << 10
)

// limitBody makes a body fail behind limit bytes.
func limitBody(w http.ResponseWriter, r *http.Request, limit int64) (io.Reader, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit) // before any of it was read
	}
	return http.MaxBytesReader(w, r.Body, limit), nil
}

func tooLarge(limit int64) error {
	size := fmt.Sprintf("%dMB", limit>>20)
	if limit < 1<<20 {
		size = fmt.Sprintf("%dKB", limit>>10)
	}
	return &refusal{
		status: http.StatusRequestEntityTooLarge,
		text:   fmt.Sprintf("request body too large (max %s)", size),
		drain:  2 * limit,
	}
}

// bodyRefusal is the answer to an error of reading a body.
func bodyRefusal(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "no more of the request body came for %s", progressTimeout)
	}
	return refuse(http.StatusBadRequest, "failed to read body: %v", err)
}

// drain reads at most n bytes of what a client goes on sending: one that looks
// for the answer only after all was sent would see a broken connection instead.
// Who expects a 100 has sent nothing yet.
func drain(r *http.Request, n int64) error {
	if n == 0 || r.Header.Get("Expect") != "" {
		return nil
	}
	if _, err := io.CopyN(io.Discard, r.Body, n); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the rest of a body that is too large: %w", err)
	}
	return nil
}

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

// spools makes the places that bodies wait in until they are known to be good,
// so that slow clients do not hold the database's only write lock.
type spools struct {
	dir string
	log *slog.Logger
}

// spool is one such place: written, then read from its start, then discarded. A
// body that fits into the buffer stays there; others get a file.
type spool struct {
	dir    string
	buffer []byte   // of which as much is used as waits for the file
	file   *os.File // nil without one
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
// see a broken connection.
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
	if bad != nil || s.file == nil {
		return bad
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
	if s.file == nil {
		s.file, err = os.CreateTemp(s.dir, spoolPrefix) // 0600
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
func (s spools) start(w http.ResponseWriter, r *http.Request, limit int64) (io.Reader, *spool, error) {
	body, err := limitBody(w, r, limit)
	if err != nil {
		return nil, nil, err
	}
	size := int64(receiveBuffer)
	if r.ContentLength >= 0 { // one more, so that it is not full before the end
		size = min(size, r.ContentLength+1)
	}
	return body, &spool{dir: s.dir, buffer: make([]byte, 0, size)}, nil
}

// discard removes the file of a spool. That it stays harms no request.
func (s spools) discard(ctx context.Context, spooled *spool) {
	if spooled.file == nil {
		return
	}
	if err := errors.Join(spooled.file.Close(), sharing.Remove(spooled.file.Name())); err != nil {
		s.log.ErrorContext(ctx, "a spool file stays", "error", fmt.Errorf("%w: %w", errSpool, err).Error())
	}
}
