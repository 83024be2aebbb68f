package ownership

import (
	"errors"
	"io"

	"github.com/engram-sync/engram-sync/internal/panics"
)

// Judged gives what r gives, and ends as judge ends, which hears whose the
// rows were.
func Judged(r io.Reader, judge func(Projects) error) io.ReadCloser {
	look, tee := io.Pipe()
	seen := make(chan Projects, 1)
	go func() {
		defer panics.Guard()
		projects, err := Read(look)
		if err != nil {
			projects = Unknown()
		}
		_, _ = io.Copy(io.Discard, look) // it fails as r does, whose reader is told
		seen <- projects
	}()
	return &judged{r: io.TeeReader(r, tee), tee: tee, judge: func() error { return judge(<-seen) }}
}

type judged struct {
	r     io.Reader
	tee   *io.PipeWriter
	judge func() error
}

func (j *judged) Read(p []byte) (int, error) {
	n, err := j.r.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	_ = j.tee.Close() // never fails
	if left := j.judge(); left != nil {
		err = left
	}
	return n, err
}

// Close ends the looking, if the end was not reached.
func (j *judged) Close() error { return j.tee.CloseWithError(io.ErrUnexpectedEOF) }
