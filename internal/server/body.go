package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/engram-sync/engram-sync/internal/server/spool"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Limits of request bodies in bytes, inclusive (account-server.md 1.3; the
// reference server has none for sign-in).
const (
	maxPushBytes      = 50 << 20
	maxMutationsBytes = 10 << 20
	maxAuthBytes      = 64 << 10
)

// limitBody makes a body fail behind limit bytes. Its errors are answers.
func limitBody(w http.ResponseWriter, r *http.Request, limit int64) (io.Reader, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit) // before any of it was read
	}
	return refusingReader{http.MaxBytesReader(w, r.Body, limit)}, nil
}

// spoolBody gives the body of an account's request, by limitBody, and a spool for it. The caller discards that.
func spoolBody(to spool.Place, w http.ResponseWriter, r *http.Request, u store.User, limit int64) (io.Reader, *spool.Spool, error) {
	body, err := limitBody(w, r, limit)
	if err != nil {
		return nil, nil, err
	}
	size := int64(spool.Buffer)
	if r.ContentLength >= 0 { // one more, so that it is not full before the end
		size = min(size, r.ContentLength+1)
	}
	return body, to.New(u.ID, size), nil
}

type refusingReader struct{ io.Reader }

func (r refusingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // as readers give it
		err = bodyRefusal(err)
	}
	return n, err
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
		return refuse(http.StatusRequestTimeout, "the request body came too slowly: at least %d bytes a second have to come, and something within %s", leastRate, progressTimeout)
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
