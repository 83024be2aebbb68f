package verification_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// side is a chunk directory in memory that is only read.
type side struct {
	syncer.Local

	content map[engram.ChunkID]string
	entries []engram.ChunkEntry
	strays  []engram.Stray

	mu     sync.Mutex
	opened int // chunk files
}

func newSide() *side { return &side{content: map[engram.ChunkID]string{}} }

// add puts a chunk there, and gives its id.
func (s *side) add(content string) engram.ChunkID {
	id := engram.IDOf(sha256.Sum256([]byte(content)))
	s.content[id] = content
	s.entries = append(s.entries, engram.ChunkEntry{ID: id, CreatedBy: "vm", CreatedAt: "2026-11-22T09:15:00Z"})
	return id
}

// numbered is the content of one of many chunks.
func numbered(n int) string { return fmt.Sprintf(`{"sessions":[],"number":%d}`, n) }

func (s *side) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return engram.NewManifest().With(1, s.entries...)
}

func (s *side) Chunks(context.Context) ([]engram.ChunkID, []engram.Stray, error) {
	var ids []engram.ChunkID
	for id := range s.content {
		ids = append(ids, id)
	}
	return ids, s.strays, nil
}

func (s *side) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	content, ok := s.content[id]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return engram.NewChunk(id, io.NopCloser(strings.NewReader(content)), 1<<20), nil
}

// remote is a side as a server.
type remote struct {
	syncer.Remote

	side *side
}

func (r remote) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	return r.side.ReadManifest(ctx)
}

func (r remote) ReadChunk(_ context.Context, id engram.ChunkID, store func(*engram.Chunk) error) (*engram.ChunkEntry, error) {
	c, err := r.side.OpenChunk(id)
	if err != nil {
		return nil, err
	}
	return nil, store(c)
}
