package syncer_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// side is a place for chunks in memory: a directory or a server.
type side struct {
	mu      sync.Mutex
	content map[engram.ChunkID]string
	entries []engram.ChunkEntry
	reads   int // of the manifest
	batches [][]engram.ChunkID
	tried   []engram.ChunkID
	opened  int // chunk files
	version int // of the manifest

	// What happens in place of the usual, where it is set.
	fail       func(engram.ChunkID) error // a chunk is read or written
	manifest   func(reads int) error      // the manifest is read
	addEntries func() error
	forget     func(engram.ChunkID) bool // accepted, and not stored
	sent       *engram.ChunkEntry        // the entry that came with a pulled chunk
	strays     []engram.Stray
	unreadable map[engram.ChunkID]bool   // whose files cannot be opened
	reduced    map[engram.ChunkID]string // chunks there that do not fit their ids
}

func newSide() *side { return &side{content: map[engram.ChunkID]string{}} }

// add puts a chunk there, and gives its id.
func (s *side) add(content string) engram.ChunkID {
	id := idOf(content)
	s.content[id] = content
	s.entries = append(s.entries, entryOf(id))
	return id
}

func idOf(content string) engram.ChunkID { return engram.IDOf(sha256.Sum256([]byte(content))) }

func entryOf(id engram.ChunkID) engram.ChunkEntry {
	return engram.ChunkEntry{ID: id, CreatedBy: "vm", CreatedAt: "2026-11-22T09:15:00Z"}
}

// numbered is the content of one of many chunks.
func numbered(n int) string { return fmt.Sprintf(`{"sessions":[],"number":%d}`, n) }

func (s *side) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.manifest != nil {
		if err := s.manifest(s.reads); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(map[string]any{"version": max(1, s.version), "chunks": slices.Concat([]engram.ChunkEntry{}, s.entries)})
	if err != nil {
		return nil, err
	}
	return engram.ParseManifest(text)
}

func (s *side) Chunks(context.Context) ([]engram.ChunkID, []engram.Stray, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []engram.ChunkID
	for id := range s.content {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, engram.ChunkID.Compare)
	return ids, s.strays, nil
}

func (s *side) try(id engram.ChunkID) error {
	s.mu.Lock()
	s.tried = append(s.tried, id)
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		return fail(id)
	}
	return nil
}

func (s *side) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	content, ok := s.content[id]
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case s.unreadable[id]:
		return nil, fs.ErrPermission
	}
	return chunkOf(id, content), nil
}

func chunkOf(id engram.ChunkID, content string) *engram.Chunk {
	return engram.NewChunk(id, io.NopCloser(strings.NewReader(content)), 1<<20)
}

// local is a side as a directory, remote is one as a server: their WriteChunk
// differ.
type (
	local  struct{ *side }
	remote struct{ *side }
)

func (l local) WriteChunk(_ context.Context, c *engram.Chunk) error {
	content, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if err := l.try(c.ID()); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.content[c.ID()] = string(content)
	return nil
}

func (l local) AddEntries(_ context.Context, version int, entries []engram.ChunkEntry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.addEntries != nil {
		if err := l.addEntries(); err != nil {
			return err
		}
	}
	var batch []engram.ChunkID
	for _, e := range entries {
		batch = append(batch, e.ID)
		if _, ok := l.content[e.ID]; !ok {
			return errors.New("an entry without its chunk")
		}
	}
	l.batches, l.version = append(l.batches, batch), max(l.version, version)
	for _, e := range entries {
		if !slices.ContainsFunc(l.entries, func(old engram.ChunkEntry) bool { return old.ID == e.ID }) {
			l.entries = append(l.entries, e)
		}
	}
	return nil
}

func (r remote) ReadChunk(_ context.Context, id engram.ChunkID, store func(*engram.Chunk) error) (*engram.ChunkEntry, error) {
	if err := r.try(id); err != nil {
		return nil, err
	}
	r.mu.Lock()
	content, reduced := r.content[id], r.reduced[id]
	r.mu.Unlock()
	if reduced != "" {
		return nil, &engram.ReducedError{ID: id, Actual: idOf(reduced)}
	}
	return r.sent, store(chunkOf(id, content))
}

func (r remote) ReadReduced(_ context.Context, id engram.ChunkID, store func(*engram.Chunk) error) error {
	r.mu.Lock()
	content := r.reduced[id]
	r.mu.Unlock()
	return store(engram.AddressChunk(io.NopCloser(strings.NewReader(content)), 1<<20))
}

func (r remote) WriteChunk(_ context.Context, entry engram.ChunkEntry, open func() (*engram.Chunk, error)) error {
	if err := r.try(entry.ID); err != nil {
		return err
	}
	c, err := open()
	if err != nil {
		return err
	}
	content, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forget == nil || !r.forget(entry.ID) {
		r.content[entry.ID] = string(content)
		r.entries = append(r.entries, entry)
	}
	return nil
}

// aliases are a map.
type aliases map[engram.ChunkID]engram.ChunkID

func (a aliases) Local(remote engram.ChunkID) (engram.ChunkID, bool) {
	id, ok := a[remote]
	return id, ok
}

func (a aliases) Restored(id engram.ChunkID) (engram.ChunkID, bool) { return a.Local(id) }

func (a aliases) Add(remote, local engram.ChunkID) error {
	a[remote] = local
	return nil
}

// look surveys two sides.
func look(t *testing.T, here, there *side, known recognition.Aliases) *syncer.Diff {
	t.Helper()
	s, err := syncer.Compare(t.Context(), local{here}, remote{there}, syncer.CompareOptions{Aliases: known})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// movedIDs and failedIDs are what a result says, in its order.
func movedIDs(r syncer.Result) []string {
	var ids []string
	for _, m := range r.Moved {
		ids = append(ids, m.ID().String())
	}
	return ids
}

func failedIDs(r syncer.Result) []string {
	var ids []string
	for _, f := range r.Failed {
		ids = append(ids, f.ID)
	}
	return ids
}
