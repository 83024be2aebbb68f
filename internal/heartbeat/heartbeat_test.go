package heartbeat_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/heartbeat"
)

// monitor answers with one status after the other, the last one for ever; 0 is silence.
type monitor struct {
	statuses []int
	asked    []string
}

func (m *monitor) RoundTrip(req *http.Request) (*http.Response, error) {
	m.asked = append(m.asked, req.URL.String())
	status := m.statuses[0]
	if len(m.statuses) > 1 {
		m.statuses = m.statuses[1:]
	}
	if status == 0 {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	if status < 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("OK"))}, nil
}

func TestSignals(t *testing.T) {
	m := &monitor{statuses: []int{200}}
	hc := heartbeat.Monitor{URL: "https://hc.example.com/ping/0123?create=1", Base: m}
	for _, err := range []error{hc.Started(t.Context()), hc.Ended(t.Context(), 0), hc.Ended(t.Context(), 5)} {
		if err != nil {
			t.Error(err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := hc.Ended(over, 130); err != nil {
		t.Errorf("the end of a run that was interrupted: %v", err)
	}
	want := []string{
		"https://hc.example.com/ping/0123/start?create=1", "https://hc.example.com/ping/0123?create=1",
		"https://hc.example.com/ping/0123/5?create=1", "https://hc.example.com/ping/0123/130?create=1",
	}
	if diff := cmp.Diff(want, m.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// A monitor behind a password is told it, and no error repeats it.
func TestAMonitorBehindAPassword(t *testing.T) {
	var name, password string
	m := roundTrip(func(req *http.Request) (*http.Response, error) {
		name, password, _ = req.BasicAuth()
		return &http.Response{StatusCode: http.StatusForbidden, Body: http.NoBody}, nil
	})
	err := heartbeat.Monitor{URL: "https://ana:p%40ss@hc.example.com/key", Base: m}.Ended(t.Context(), 0)
	if name != "ana" || password != "p@ss" {
		t.Errorf("it was told %q and %q", name, password)
	}
	if err == nil || err.Error() != "hc.example.com did not hear the heartbeat: it answers 403 Forbidden" {
		t.Error(err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestWhatIsNotHeard(t *testing.T) {
	for _, tc := range []struct {
		name     string
		statuses []int
		asked    int
		takes    time.Duration
		err      string // "" for heard
	}{
		{"a lost packet", []int{-1, 200}, 2, time.Second, ""},
		{"a monitor that restarts", []int{502, 503, 200}, 3, 2 * time.Second, ""},
		{"a monitor that is down", []int{-1}, 3, 2 * time.Second, "hc.example.com did not hear the heartbeat: connection refused"},
		{"a check that is gone", []int{404}, 1, 0, "hc.example.com did not hear the heartbeat: it answers 404 Not Found"},
		{"a redirect", []int{301}, 1, 0, "hc.example.com did not hear the heartbeat: it answers 301 Moved Permanently"},
		{"silence", []int{0}, 1, 10 * time.Second, "hc.example.com did not hear the heartbeat: no answer within 10s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, began := &monitor{statuses: tc.statuses}, time.Now()
				err := heartbeat.Monitor{URL: "https://hc.example.com/s3cret", Base: m}.Ended(t.Context(), 0)
				text := ""
				if err != nil {
					text = err.Error()
				}
				if text != tc.err || len(m.asked) != tc.asked || time.Since(began) != tc.takes {
					t.Errorf("error %q, asked %d times in %s; want %q, %d, %s", text, len(m.asked), time.Since(began), tc.err, tc.asked, tc.takes)
				}
			})
		})
	}
}
