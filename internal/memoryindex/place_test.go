package memoryindex_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

// place is a Source in memory. What is set in bad cannot be read.
type place struct {
	chunks []memoryindex.Chunk
	texts  map[engram.ChunkID][]byte
	bad    map[engram.ChunkID]error

	mu   sync.Mutex
	read []engram.ChunkID // in the last updates
}

func (p *place) Chunks(context.Context) ([]memoryindex.Chunk, error) {
	return slices.Clone(p.chunks), nil
}

func (p *place) State(context.Context) (string, error) { return memoryindex.StateOf(p.chunks), nil }

func (p *place) Read(_ context.Context, id engram.ChunkID, read func(*engram.Chunk) error) error {
	p.mu.Lock()
	p.read = append(p.read, id)
	p.mu.Unlock()
	if err := p.bad[id]; err != nil {
		return err
	}
	c := engram.NewChunk(id, io.NopCloser(bytes.NewReader(p.texts[id])), 1<<20)
	return read(c)
}

// add adds a chunk that somebody made at a time (RFC 3339), or a file without an entry.
func (p *place) add(t testing.TB, at string, rows engram.ChunkRows) engram.ChunkID {
	t.Helper()
	text, err := engram.EncodeChunk(rows)
	if err != nil {
		t.Fatal(err)
	}
	id := engram.IDOf(sha256.Sum256(text))
	if p.texts == nil {
		p.texts = map[engram.ChunkID][]byte{}
	}
	p.texts[id] = text
	p.chunks = append(p.chunks, memoryindex.Chunk{Stamp: "1", Listed: at != "", ChunkEntry: engram.ChunkEntry{
		ID: id, CreatedBy: "Ana", CreatedAt: at, Sessions: len(rows.Sessions), Memories: len(rows.Observations), Prompts: len(rows.Prompts),
	}})
	return id
}

// text is that of the first memory of a chunk.
func (p *place) text(n int) string {
	var rows engram.ChunkRows
	_ = json.Unmarshal(p.texts[p.chunks[n].ID], &rows) // which add has encoded
	return rows.Observations[0].Content
}

func open(t testing.TB, dir string) *memoryindex.Index {
	t.Helper()
	x, kept, err := memoryindex.Open(t.Context(), dir, "place")
	if err != nil || !kept {
		t.Fatal(kept, err)
	}
	return x
}

func update(t testing.TB, x *memoryindex.Index, p *place) []memoryindex.Failure {
	t.Helper()
	p.read = nil
	failed, err := x.Update(t.Context(), p, memoryindex.Options{AtOnce: 4})
	if err != nil {
		t.Fatal(err)
	}
	return failed
}
