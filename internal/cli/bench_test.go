package cli

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// far makes every request take a round trip more, as over a distance.
type far struct {
	next      http.RoundTripper
	roundTrip time.Duration
}

func (f far) RoundTrip(req *http.Request) (*http.Response, error) {
	<-time.NewTimer(f.roundTrip).C
	return f.next.RoundTrip(req)
}

const (
	benchChunks     = 500
	benchChunkBytes = 32 << 10
	benchRoundTrip  = 20 * time.Millisecond
)

// BenchmarkDistance moves 500 chunks of 32 KB over a round trip of 20 ms, one at
// a time and eight at a time: the ratio of the two is what concurrency is worth.
func BenchmarkDistance(b *testing.B) {
	source := benchDirectory(b)
	for _, concurrency := range []int{1, 8} {
		b.Run(fmt.Sprintf("push/concurrency=%d", concurrency), func(b *testing.B) {
			for b.Loop() {
				remote := benchRemote(b, concurrency)
				benchRun(b, source, remote, syncer.Options{Push: true, Concurrency: concurrency})
			}
			b.SetBytes(benchChunks * benchChunkBytes)
		})
		b.Run(fmt.Sprintf("pull/concurrency=%d", concurrency), func(b *testing.B) {
			remote := benchRemote(b, concurrency)
			benchRun(b, source, remote, syncer.Options{Push: true, Concurrency: 8})
			for b.Loop() {
				benchRun(b, openBench(b), remote, syncer.Options{Pull: true, Concurrency: concurrency})
			}
			b.SetBytes(benchChunks * benchChunkBytes)
		})
	}
}

func benchRun(b *testing.B, dir workspace.Directory, remote *transport.RemoteTransport, opts syncer.Options) {
	b.Helper()
	diff, err := syncer.Compare(b.Context(), dir, remote, syncer.CompareOptions{})
	if err != nil {
		b.Fatal(err)
	}
	if r := syncer.Run(b.Context(), diff, opts); len(r.Moved) != benchChunks {
		b.Fatalf("%d chunks moved, %d failed", len(r.Moved), len(r.Failed))
	}
}

func openBench(b *testing.B) workspace.Directory {
	b.Helper()
	dir, err := chunkdir.Create(filepath.Join(b.TempDir(), ".engram"), chunkdir.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return workspace.Directory{Dir: dir}
}

// benchDirectory holds chunks that compress as little as real ones do.
func benchDirectory(b *testing.B) workspace.Directory {
	b.Helper()
	dir := openBench(b)
	entries := make([]engram.ChunkEntry, benchChunks)
	for i := range entries {
		noise := make([]byte, benchChunkBytes/2)
		_, _ = rand.Read(noise) // it never fails
		text := `{"sessions":null,"observations":[{"session_id":"` + hex.EncodeToString(noise) + `"}],"prompts":null}`
		c := engram.AddressChunk(io.NopCloser(strings.NewReader(text)), 1<<20)
		if err := dir.WriteChunk(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		entries[i] = engram.ChunkEntry{ID: c.ID(), CreatedBy: "bench", CreatedAt: "2026-11-23T00:00:00Z", Memories: 1}
	}
	if err := dir.AddEntries(b.Context(), 1, entries); err != nil {
		b.Fatal(err)
	}
	return dir
}

// benchRemote is an empty account on a server far away.
func benchRemote(b *testing.B, concurrency int) *transport.RemoteTransport {
	b.Helper()
	srv, err := server.Open(b.Context(), server.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = srv.Close() })
	token, err := srv.LocalToken(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	remote, err := transport.NewRemoteTransport("http://localhost", auth.Fixed(token, "bench"), transport.Options{
		Base: far{next: srv.InProcess(), roundTrip: benchRoundTrip}, Concurrency: concurrency,
	})
	if err != nil {
		b.Fatal(err)
	}
	return remote
}
