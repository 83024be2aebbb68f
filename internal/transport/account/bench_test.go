package account_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// Memory must not grow with the chunk: compare B/op of the sizes.
func benchmarkSizes(b *testing.B, work func(b *testing.B, chunk wiretest.Chunk)) {
	for name, size := range map[string]int{"1MB": 1 << 20, "40MB": 40 << 20} {
		b.Run(name, func(b *testing.B) {
			chunk := wiretest.Large(size)
			b.SetBytes(int64(len(chunk.Text)))
			b.ReportAllocs()
			work(b, chunk)
		})
	}
}

func BenchmarkPush(b *testing.B) {
	benchmarkSizes(b, func(b *testing.B, chunk wiretest.Chunk) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, `{"chunk_id":"`+chunk.ID().String()+`","status":"accepted"}`)
		}))
		defer server.Close()
		remote := wiretest.Dial(b, server.URL, transport.Options{})
		for b.Loop() {
			if err := remote.WriteChunk(b.Context(), chunk.Entry, chunk.Sized); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPull(b *testing.B) {
	benchmarkSizes(b, func(b *testing.B, chunk wiretest.Chunk) {
		text := chunk.Envelope(b)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, strings.NewReader(text))
		}))
		defer server.Close()
		remote := wiretest.Dial(b, server.URL, transport.Options{})
		for b.Loop() {
			if _, err := remote.ReadChunk(b.Context(), chunk.ID(), wiretest.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEnvelope is a pull without a network: scanning twice, as an envelope
// and as a chunk, and hashing.
func BenchmarkEnvelope(b *testing.B) {
	benchmarkSizes(b, func(b *testing.B, chunk wiretest.Chunk) {
		text := chunk.Envelope(b)
		remote := wiretest.Dial(b, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			return wiretest.Answer(req, http.StatusOK, text), nil
		})})
		for b.Loop() {
			if _, err := remote.ReadChunk(b.Context(), chunk.ID(), wiretest.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Memory for a push or a pull stays the same, whatever the size of the chunk.
func TestMemoryDoesNotGrowWithTheChunk(t *testing.T) {
	const enough = 1 << 20
	chunk := wiretest.Large(16 << 20)
	text := chunk.Envelope(t)
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			_, err := io.Copy(struct{ io.Writer }{io.Discard}, req.Body)
			return wiretest.Accepted(req, chunk), err
		}
		return wiretest.Answer(req, http.StatusOK, text), nil
	})})
	for name, work := range map[string]func() error{
		"push": func() error { return remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open) },
		"pull": func() error {
			_, err := remote.ReadChunk(t.Context(), chunk.ID(), func(c *engram.Chunk) error {
				_, err := io.Copy(struct{ io.Writer }{io.Discard}, c)
				return err
			})
			return err
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := work()
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; err != nil || grown > enough {
			t.Errorf("%s: %v, %d bytes for a chunk of %d", name, err, grown, len(chunk.Text))
		}
	}
}
