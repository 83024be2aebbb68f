package server_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
)

const benchSize = 40 << 20

func exchange(b *testing.B, c client, method, path string, body io.Reader) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, c.url+path, body)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer shut(b, resp.Body)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		b.Fatal(resp.Status, err)
	}
}

// reportHeap tells how large the heap ever became: far below the size of a few
// chunks, or the server holds them whole.
func reportHeap(b *testing.B) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	b.ReportMetric(float64(stats.HeapSys)/1e6, "MB-heap")
}

func BenchmarkPush40MB(b *testing.B) {
	c := inProcess(b, open(b, server.Options{}))
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		exchange(b, c, http.MethodPost, "/sync/push", bigBody(fmt.Sprintf("%08x", i), benchSize))
	}
	reportHeap(b)
}

func BenchmarkPull40MB(b *testing.B) {
	c := inProcess(b, open(b, server.Options{}))
	exchange(b, c, http.MethodPost, "/sync/push", bigBody("00000001", benchSize))
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		exchange(b, c, http.MethodGet, "/sync/pull/00000001", nil)
	}
	reportHeap(b)
}

func BenchmarkPushSmallParallel(b *testing.B) {
	c := inProcess(b, open(b, server.Options{}))
	ids := make(chan int)
	go func() {
		for i := range b.N {
			ids <- i
		}
		close(ids)
	}()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			exchange(b, c, http.MethodPost, "/sync/push", bigBody(fmt.Sprintf("%08x", <-ids), 2<<10))
		}
	})
}

func BenchmarkManifestOf3000(b *testing.B) {
	c := inProcess(b, open(b, server.Options{}))
	for i := range 3000 {
		exchange(b, c, http.MethodPost, "/sync/push", bigBody(fmt.Sprintf("%08x", i), 100))
	}
	for b.Loop() {
		exchange(b, c, http.MethodGet, "/sync/pull", nil)
	}
}

// A full page of mutations of about 1 KB.
func BenchmarkPullMutations(b *testing.B) {
	c := inProcess(b, open(b, server.Options{}))
	payloads := slices.Repeat([]string{`{"content":"` + strings.Repeat("a word ", 140) + `"}`}, 1001)
	exchange(b, c, http.MethodPost, "/sync/mutations/push", strings.NewReader(mutations(payloads...)))
	const page = "/sync/mutations/pull?since_seq=1&limit=1000"
	b.SetBytes(int64(len(c.get(page).body)))
	b.ReportAllocs()
	for b.Loop() {
		exchange(b, c, http.MethodGet, page, nil)
	}
	reportHeap(b)
}

func BenchmarkPushMutations(b *testing.B) {
	c := inProcess(b, open(b, server.Options{}))
	batch := mutations(slices.Repeat([]string{`{"content":"` + strings.Repeat("a word ", 140) + `"}`}, 1000)...)
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	for b.Loop() {
		exchange(b, c, http.MethodPost, "/sync/mutations/push", strings.NewReader(batch))
	}
}
