package server_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
)

// unread asks for path, and leaves an answer of this size where it is.
func (c client) unread(path string, size int64) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.ContentLength < size {
		c.t.Fatal(resp.Status, resp.ContentLength)
	}
}

func liveHeap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// A page is in nobody's way while its reader does not take it: it holds neither memory nor
// the database.
func TestPagesThatNobodyTakes(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	const size, readers = 9 << 20, 8
	payload := `{"content":"` + strings.Repeat("x", size) + `"}`
	c.post("/sync/mutations/push", mutations(payload)).want(t, http.StatusOK, "")
	before := liveHeap()
	for range readers {
		c.unread("/sync/mutations/pull", size)
	}
	if held := liveHeap() - before; held > readers*size/4 {
		t.Errorf("%d readers hold %d MB", readers, held>>20)
	}
	c.post("/sync/mutations/push", mutations(`{}`)).want(t, http.StatusOK, "")
	if p := c.page("?since_seq=1"); len(p.seqs()) != 1 {
		t.Errorf("behind it: %v", p.seqs())
	}
}
