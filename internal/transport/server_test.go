package transport_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// Real chunks of two releases go up, are listed, and come down: the same bytes,
// the same entries.
func TestFixturesTravel(t *testing.T) {
	for name, remote := range wiretest.Reach(t) {
		for _, dir := range fixtures.ChunkDirs() {
			t.Run(name+" "+filepath.Base(filepath.Dir(dir)), func(t *testing.T) {
				manifest, chunks := wiretest.ReadFixture(t, dir)
				for _, entry := range manifest.Entries() {
					// Twice: the second push of the same bytes is no error.
					for _, open := range []transport.OpenFunc{chunks[entry.ID].Open, chunks[entry.ID].Sized} {
						if err := remote.WriteChunk(t.Context(), entry, open); err != nil {
							t.Fatal(err)
						}
					}
				}
				listed, err := remote.ReadManifest(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, entry := range manifest.Entries() {
					if got, ok := listed.Entry(entry.ID); !ok || got.Memories != entry.Memories || got.CreatedBy != entry.CreatedBy {
						t.Errorf("%s is listed as %v", entry.ID, got)
					}
					var text string
					got, err := remote.ReadChunk(t.Context(), entry.ID, wiretest.Into(&text))
					if err != nil || text != chunks[entry.ID].Text {
						t.Errorf("%s: got %q, %v", entry.ID, text, err)
					}
					if got == nil || *got != entry {
						t.Errorf("entry %v, want %v", got, entry)
					}
				}
			})
		}
	}
}

func TestARealServerSaysNo(t *testing.T) {
	for name, remote := range wiretest.Reach(t) {
		t.Run(name, func(t *testing.T) {
			_, err := remote.ReadChunk(t.Context(), wiretest.Sample().ID(), wiretest.Discard)
			wiretest.OneClass(t, err, transport.ErrRefused)
			wiretest.OneLine(t, err)
			other := wiretest.NewChunk(`{"a":1}`)
			entry := other.Entry
			if err := remote.WriteChunk(t.Context(), entry, other.Open); err != nil {
				t.Error(err)
			}
		})
	}
}

// Tokens last an hour.
func TestAnExpiredTokenIsNamed(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	s := wiretest.OpenServer(t, server.Options{Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	remote := wiretest.SignIn(t, s, "http://localhost", transport.Options{Base: s.InProcess()})
	if _, err := remote.ReadManifest(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	now = now.Add(time.Hour)
	mu.Unlock()
	_, err := remote.ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrUnauthorized)
	wiretest.OneClass(t, remote.WriteChunk(t.Context(), wiretest.Sample().Entry, wiretest.Sample().Open), transport.ErrUnauthorized)
	// The server answers before it reads: the content is given back all the same.
	opened := &wiretest.Openings{Chunk: wiretest.Large(10 << 20)}
	wiretest.OneClass(t, remote.WriteChunk(t.Context(), opened.Chunk.Entry, opened.Open), transport.ErrUnauthorized)
	opened.AllClosed(t)
}

// Workers share a transport, and leave nothing running behind them.
func TestWorkersShareATransport(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("work", func(t *testing.T) {
		s := wiretest.OpenServer(t, server.Options{})
		pipes := s.InProcess()
		defer pipes.CloseIdleConnections()
		remote := wiretest.SignIn(t, s, "http://localhost", transport.Options{Base: pipes})
		var workers sync.WaitGroup
		for i := range 8 {
			workers.Go(func() {
				chunk := wiretest.Large(i << 12)
				if err := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open); err != nil {
					t.Error(err)
				}
				var got string
				if _, err := remote.ReadChunk(t.Context(), chunk.ID(), wiretest.Into(&got)); err != nil || got != chunk.Text {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
				// Given up half-way: the rest of the answer must not hold anything.
				if _, err := remote.ReadChunk(t.Context(), chunk.ID(), func(*engram.Chunk) error { return wiretest.ErrDisk }); err == nil {
					t.Error("no error")
				}
			})
		}
		workers.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// Certificates that don't fit are no reason to come back later.
func TestTLSThatIsNotTrusted(t *testing.T) {
	listener := httptest.NewUnstartedServer(http.NotFoundHandler())
	listener.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	listener.StartTLS()
	defer listener.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for name, tc := range map[string]struct {
		url  string
		base http.RoundTripper
	}{
		"unknown authority":     {listener.URL, nil},
		"our certificate asked": {listener.URL, listener.Client().Transport},
		"not TLS at all":        {"https" + plain.URL[len("http"):], nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wiretest.Dial(t, tc.url, transport.Options{Base: tc.base}).ReadManifest(t.Context())
			wiretest.OneClass(t, err, transport.ErrTLS)
			wiretest.OneLine(t, err)
		})
	}
}
