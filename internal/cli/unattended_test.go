package cli

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// TestMaxDuration lets a server fall silent: the run ends when its time is over, with a code by which a script
// tries again, and the monitor hears so.
func TestMaxDuration(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 3, 100)
	s := newWatchedServer(t)
	over := make(chan struct{})
	s.before = func(r *http.Request) {
		if pushRequest(r) {
			<-over
		}
	}
	t.Cleanup(func() { close(over) })
	var mu sync.Mutex
	var heard []string
	monitor := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, r.URL.Path)
	}))
	t.Cleanup(monitor.Close)
	u := newUser(t, s.url, s.token)

	_, errs := u.run(8, "push", "--dir", source, "-j", "1", "--max-duration", "400ms", "--heartbeat-url", monitor.URL+"/check")
	wantLine(t, errs, "stopped after 400ms, as max-duration says: 0 chunks done, 2 left; the same command goes on from there")
	wantLine(t, errs, "outcome unknown")
	u.minuteLater()
	_, errs = u.run(5, "pull", "--dir", source, "--max-duration", "1ns", "--json")
	wantLine(t, errs, `"code":5,"kind":"unavailable","message":"stopped after 1ns, as max-duration says","hint":"run the same command again`)

	mu.Lock()
	defer mu.Unlock()
	if want := []string{"/check/start", "/check/8"}; !slices.Equal(heard, want) {
		t.Errorf("the monitor heard %q, want %q", heard, want)
	}
}
