package readers_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

// What is kept of real chunks is judged as they are, together, and is small.
func TestKeptChunksAreJudgedAlike(t *testing.T) {
	for _, dir := range fixtures.ChunkDirs() {
		m, chunks := wiretest.ReadFixture(t, dir)
		read, recalled := readers.Directory{Version: 1}, readers.Directory{Version: 1}
		for _, e := range m.Entries() {
			c, err := readers.Read(strings.NewReader(chunks[e.ID].Text), key)
			if err != nil {
				t.Fatal(err)
			}
			kept := c.AppendTo(nil)
			if size := len(chunks[e.ID].Text); len(kept) > 100+size/4 {
				t.Errorf("%s: %d bytes are kept of %d", e.ID, len(kept), size)
			}
			again, err := readers.RecallChunk(kept, key)
			if err != nil {
				t.Fatal(err)
			}
			read.Chunks = append(read.Chunks, readers.Listed{ID: e.ID, Chunk: c})
			recalled.Chunks = append(recalled.Chunks, readers.Listed{ID: e.ID, Chunk: again})
		}
		judged := func(d readers.Directory) []readers.Finding { return readers.Judge(d, readers.Generations...) }
		if diff := cmp.Diff(judged(read), judged(recalled), cmp.AllowUnexported(engram.ChunkID{})); diff != "" {
			t.Errorf("%s (-read +recalled):\n%s", dir, diff)
		}
	}
}

// FuzzRecallChunk: whatever was kept, it is judged or refused.
func FuzzRecallChunk(f *testing.F) {
	for _, text := range []string{fixtures.LaterChunk, `{}`, `{"sessions":[{"id":"t"}]}`} {
		c, err := readers.Read(strings.NewReader(text), key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, kept []byte) {
		c, err := readers.RecallChunk(kept, key)
		if err == nil {
			readers.Judge(readers.Directory{Version: 1, Chunks: []readers.Listed{{Chunk: c}}}, readers.Generations...)
		}
	})
}
