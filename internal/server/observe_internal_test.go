package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// slowReader takes so many bytes a second of an answer, until its deadline.
type slowReader struct {
	*httptest.ResponseRecorder
	rate     int
	deadline time.Time
}

func (r *slowReader) SetWriteDeadline(t time.Time) error {
	r.deadline = t
	return nil
}

func (r *slowReader) Write(p []byte) (int, error) {
	end := time.Now().Add(time.Duration(len(p)) * time.Second / time.Duration(r.rate))
	if end.After(r.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	<-time.After(time.Until(end)) // in a bubble
	return len(p), nil
}

// An answer that is written at once has as much time as one in many pieces, and no more.
func TestALargeAnswerHasItsTime(t *testing.T) {
	for rate, whole := range map[int]bool{8 << 10: true, 2 << 10: false, 512: false} {
		synctest.Test(t, func(t *testing.T) {
			r := &slowReader{httptest.NewRecorder(), rate, time.Time{}}
			w := &observedWriter{ResponseWriter: r, control: http.NewResponseController(r), pace: pace{began: time.Now()}}
			n, err := w.Write(make([]byte, 1<<20))
			if (err == nil && n == 1<<20) != whole || !whole && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("at %d bytes a second %d are taken: %v", rate, n, err)
			}
			if took := time.Since(w.began); !whole && took > 2*paceless {
				t.Errorf("at %d bytes a second it is cut after %s", rate, took)
			}
		})
	}
}
