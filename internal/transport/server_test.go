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

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// openServer makes an account server of our own on a real database.
func openServer(t testing.TB, opts server.Options) *server.Server {
	t.Helper()
	opts.Dir = t.TempDir()
	s, err := server.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// signIn makes a transport for the account "local" of a server.
func signIn(t testing.TB, s *server.Server, url string, opts transport.Options) *transport.RemoteTransport {
	t.Helper()
	access, err := s.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	remote, err := transport.NewRemoteTransport(url, token(access), opts)
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

// The ways to reach a server of our own.
func reach(t testing.TB) map[string]*transport.RemoteTransport {
	t.Helper()
	s := openServer(t, server.Options{})
	listener := httptest.NewServer(s.Handler())
	t.Cleanup(listener.Close)
	inside := openServer(t, server.Options{})
	return map[string]*transport.RemoteTransport{
		"listener":   signIn(t, s, listener.URL, transport.Options{}),
		"in process": signIn(t, inside, "http://localhost", transport.Options{Base: inside.InProcess()}),
	}
}

// Real chunks of two releases go up, are listed, and come down: the same bytes,
// the same entries.
func TestFixturesTravel(t *testing.T) {
	for name, remote := range reach(t) {
		for _, dir := range fixtures.ChunkDirs() {
			t.Run(name+" "+filepath.Base(filepath.Dir(dir)), func(t *testing.T) {
				manifest, chunks := readFixture(t, dir)
				for _, entry := range manifest.Entries() {
					// Twice: the second push of the same bytes is no error.
					for _, open := range []transport.OpenFunc{chunks[entry.ID].open, chunks[entry.ID].sized} {
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
					got, err := remote.ReadChunk(t.Context(), entry.ID, into(&text))
					if err != nil || text != chunks[entry.ID].text {
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
	for name, remote := range reach(t) {
		t.Run(name, func(t *testing.T) {
			_, err := remote.ReadChunk(t.Context(), sample().id(), discard)
			oneClass(t, err, transport.ErrRefused)
			oneLine(t, err)
			other := newTestChunk(`{"a":1}`)
			entry := other.entry
			if err := remote.WriteChunk(t.Context(), entry, other.open); err != nil {
				t.Error(err)
			}
		})
	}
}

// Tokens last an hour.
func TestAnExpiredTokenIsNamed(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	s := openServer(t, server.Options{Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	remote := signIn(t, s, "http://localhost", transport.Options{Base: s.InProcess()})
	if _, err := remote.ReadManifest(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	now = now.Add(time.Hour)
	mu.Unlock()
	_, err := remote.ReadManifest(t.Context())
	oneClass(t, err, transport.ErrUnauthorized)
	oneClass(t, remote.WriteChunk(t.Context(), sample().entry, sample().open), transport.ErrUnauthorized)
	// The server answers before it reads: the content is given back all the same.
	opened := &openings{chunk: large(10 << 20)}
	oneClass(t, remote.WriteChunk(t.Context(), opened.chunk.entry, opened.open), transport.ErrUnauthorized)
	opened.allClosed(t)
}

// Workers share a transport, and leave nothing running behind them.
func TestWorkersShareATransport(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("work", func(t *testing.T) {
		s := openServer(t, server.Options{})
		pipes := s.InProcess()
		defer pipes.CloseIdleConnections()
		remote := signIn(t, s, "http://localhost", transport.Options{Base: pipes})
		var workers sync.WaitGroup
		for i := range 8 {
			workers.Go(func() {
				chunk := large(i << 12)
				if err := remote.WriteChunk(t.Context(), chunk.entry, chunk.open); err != nil {
					t.Error(err)
				}
				var got string
				if _, err := remote.ReadChunk(t.Context(), chunk.id(), into(&got)); err != nil || got != chunk.text {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
				// Given up half-way: the rest of the answer must not hold anything.
				if _, err := remote.ReadChunk(t.Context(), chunk.id(), func(*engram.Chunk) error { return errDisk }); err == nil {
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
			_, err := dial(t, tc.url, transport.Options{Base: tc.base}).ReadManifest(t.Context())
			oneClass(t, err, transport.ErrTLS)
			oneLine(t, err)
		})
	}
}
