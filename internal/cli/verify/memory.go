package verify

import (
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// fresh is how long a file must have been left alone to be remembered: file systems
// count the time of a change in steps of up to two seconds, and what is written twice
// within one looks the same.
const fresh = 2 * time.Second

// memory is what earlier runs know of a directory.
type memory struct {
	ws    *workspace.Workspace
	dir   workspace.Directory
	file  *state.Verified
	began time.Time // before any file was looked at
	full  bool      // nothing is to be recalled
}

func openMemory(ws *workspace.Workspace, root state.Root, dir workspace.Directory, full bool) *memory {
	rule := verification.FactsVersion + " " + ws.Version
	return &memory{ws, dir, state.OpenVerified(root, dir.Path(), rule), time.Now(), full}
}

func (m *memory) Key() readers.Key { return m.file.Key() }

func (m *memory) Stamp(id engram.ChunkID) string {
	i, err := m.dir.Identify(id)
	if err != nil || !i.Changed.Before(m.began.Add(-fresh)) {
		return ""
	}
	return i.Text
}

func (m *memory) Recall(id engram.ChunkID, stamp string) ([]byte, bool) {
	c, ok := m.file.Chunk(id)
	return c.Facts, ok && c.Stamp == stamp && !m.full
}

func (m *memory) Keep(chunks map[engram.ChunkID]verification.Kept) {
	all := make(map[engram.ChunkID]state.VerifiedChunk, len(chunks))
	for id, c := range chunks {
		all[id] = state.VerifiedChunk(c)
	}
	if err := m.file.Replace(all); err != nil {
		m.ws.Log.Info("remember what was verified", "error", err)
	}
}
