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

// spools makes the files that bodies wait in until they are known to be good,
// so that slow clients do not hold the database's only write lock.
type spools struct {
	dir string
	log *slog.Logger
}

// spool is one such file: written, then read from its start, then removed.
type spool struct{ file *os.File }

func (s *spool) Read(p []byte) (int, error) {
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
	buf := make([]byte, receiveBuffer)
	for {
		n, err := body.Read(buf)
		if bad == nil {
			if _, err := s.file.Write(buf[:n]); err != nil {
				return fmt.Errorf("%w: %w", errSpool, err)
			}
			bad = check(buf[:n])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return bodyRefusal(err)
		}
	}
	if bad != nil {
		return bad
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	return nil
}

// start gives the body of a request, which fails behind limit bytes, and a
// file to spool it to. The caller discards that.
func (s spools) start(w http.ResponseWriter, r *http.Request, limit int64) (io.Reader, *spool, error) {
	body, err := limitBody(w, r, limit)
	if err != nil {
		return nil, nil, err
	}
	file, err := os.CreateTemp(s.dir, spoolPrefix) // 0600
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	return body, &spool{file}, nil
}

// discard removes a spool file. That it stays harms no request.
func (s spools) discard(ctx context.Context, spooled *spool) {
	if err := errors.Join(spooled.file.Close(), sharing.Remove(spooled.file.Name())); err != nil {
		s.log.ErrorContext(ctx, "a spool file stays", "error", fmt.Errorf("%w: %w", errSpool, err).Error())
	}
}
