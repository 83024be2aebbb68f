package state

import (
	"maps"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/ownership"
)

// ChunkProjects remembers whose the rows of a remote's chunks are, and of which types, so that each is
// looked at once. It is a cache, and safe for concurrent use in one process.
type ChunkProjects struct {
	file Cache

	mu       sync.Mutex
	chunks   map[engram.ChunkID]ownership.Projects
	sessions map[string]string // of all of these chunks
	changed  bool
}

// chunkProjectsQuestion changes with what ownership.Projects is.
const chunkProjectsQuestion = "projects 3"

// OpenChunkProjects reads what is known of a remote.
func OpenChunkProjects(root Root, remote string) *ChunkProjects {
	c := &ChunkProjects{file: OpenCache(root, "projects", remote), sessions: map[string]string{}}
	if !c.file.Get(chunkProjectsQuestion, &c.chunks) || c.chunks == nil {
		c.chunks = map[engram.ChunkID]ownership.Projects{}
	}
	for _, p := range c.chunks {
		maps.Copy(c.sessions, p.Sessions)
	}
	return c
}

// Projects gives what was added for a chunk.
func (c *ChunkProjects) Projects(id engram.ChunkID) (ownership.Projects, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.chunks[id]
	return p, ok
}

// SessionProject gives the project of a session that some chunk brings, or "".
func (c *ChunkProjects) SessionProject(id string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions[id]
}

// Add remembers whose the rows of a chunk are.
func (c *ChunkProjects) Add(id engram.ChunkID, p ownership.Projects) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chunks[id], c.changed = p, true
	maps.Copy(c.sessions, p.Sessions)
}

// Save writes what was added.
func (c *ChunkProjects) Save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed {
		return nil
	}
	return c.file.Put(chunkProjectsQuestion, c.chunks)
}
