package cli

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
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
	s.watch(func(*http.Request) { <-over }, nil)
	t.Cleanup(func() { close(over) })
	monitor := &monitor{}
	listener := httptest.NewServer(monitor)
	t.Cleanup(listener.Close)
	u := newUser(t, s.url, s.token)

	_, errs := u.run(5, "push", "--dir", source, "--max-duration", "200ms", "--heartbeat-url", listener.URL+"/check")
	wantLine(t, errs, "error: stopped after 200ms, as max-duration says; run the same command again, it goes on from there")
	_, errs = u.run(5, "pull", "--dir", source, "--max-duration", "1ns", "--json")
	wantLine(t, errs, `"code":5,"kind":"unavailable","class":"out-of-time","message":"stopped after 1ns, as max-duration says","hint":"run the same command again`)

	if heard := monitor.heard(); !slices.Contains(heard, "/check/5") { // the start, if there was time for it
		t.Errorf("the monitor heard %q", heard)
	}
}

// TestHeartbeatOverTLS: the monitor is reached with the authorities that the user named, and told nothing of who we are.
func TestHeartbeatOverTLS(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 1, 100)
	monitor := &monitor{}
	listener := httptest.NewTLSServer(monitor)
	t.Cleanup(listener.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: listener.Certificate().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		t.Fatal(err)
	}
	u := newUser(t, "http://127.0.0.1:1", "a-token-of-mine")

	_, errs := u.run(0, "verify", "--dir", source, "--heartbeat-url", listener.URL+"/check", "--ca-cert", authority)
	if errs != "" {
		t.Error(errs)
	}
	if want, heard := []string{"/check/start", "/check"}, monitor.heard(); !slices.Equal(heard, want) {
		t.Errorf("the monitor heard %q, want %q", heard, want)
	}
	if monitor.told {
		t.Error("the monitor was told a token")
	}
}

// monitor remembers what it hears.
type monitor struct {
	mu    sync.Mutex
	paths []string
	told  bool // a token
}

func (m *monitor) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paths = append(m.paths, r.URL.Path)
	m.told = m.told || r.Header.Get("Authorization") != ""
}

func (m *monitor) heard() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.paths)
}
