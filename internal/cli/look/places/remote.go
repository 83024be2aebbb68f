package places

import (
	"context"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// Remote is a remote, as a memoryindex.Source and a comparison.Place. What is here need not be downloaded: the id says that it is
// the same. Its methods may be called by several goroutines at once.
type Remote struct {
	Conn *workspace.Connection
	here syncer.Local
}

// NewRemote is a remote beside the chunk directory here, if there is one.
func NewRemote(ws *workspace.Workspace, conn *workspace.Connection) (Remote, error) {
	here, _, err := ws.OpenDirectoryIfAny()
	return Remote{conn, here}, err
}

// State is another text once the manifest has other chunks. It takes a request.
func (r Remote) State(ctx context.Context) (string, error) {
	chunks, err := r.Chunks(ctx)
	return memoryindex.StateOf(chunks), err
}

// Chunks are those of the manifest. They take a request.
func (r Remote) Chunks(ctx context.Context) ([]memoryindex.Chunk, error) {
	m, err := r.Conn.ReadManifest(ctx)
	if err != nil {
		return nil, err
	}
	var chunks []memoryindex.Chunk
	for _, e := range m.Entries() {
		chunks = append(chunks, memoryindex.Chunk{ChunkEntry: e, Listed: true, Stamp: "remote"})
	}
	return chunks, nil
}

// Read hands a chunk to read, and gives its error. What an old client has reduced is read as it is.
func (r Remote) Read(ctx context.Context, id engram.ChunkID, read func(*engram.Chunk) error) error {
	if d, ok := r.here.(workspace.Directory); ok {
		if err := (Directory{Directory: d}).Read(ctx, id, read); err == nil {
			return nil
		}
	}
	_, err := r.Conn.ReadChunk(ctx, id, read)
	if problem.As[*engram.ReducedError](err) { // what an old client left of it is all that there is
		err = r.Conn.ReadReduced(ctx, id, read)
	}
	if err != nil {
		return fmt.Errorf("read it from the remote: %w", err)
	}
	return nil
}

// Rows reads a chunk.
func (r Remote) Rows(ctx context.Context, id engram.ChunkID) (rows []history.Row, err error) {
	err = r.Read(ctx, id, func(c *engram.Chunk) (err error) {
		rows, err = history.ReadChunk(c)
		return err
	})
	return rows, err
}
