// Package places is where the commands that look read chunks: the chunk directory, a remote, a commit of git, engram.db, and a
// file that lies anywhere. Only they call it.
package places

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// Directory is a chunk directory, as a memoryindex.Source and a comparison.Place. Its methods may be called by several
// goroutines at once.
type Directory struct {
	workspace.Directory
	replaced syncer.Replaced // whose entries, brought back by a merge, nobody misses; nil: none
}

// NewDirectory is a directory in which nobody misses what was replaced.
func NewDirectory(ws *workspace.Workspace, dir workspace.Directory) Directory {
	return Directory{dir, ws.Replaced(dir)}
}

// State is another text once a file has another name, size or time.
func (d Directory) State(context.Context) (string, error) { return d.Dir.State() }

// Chunks are those of the manifest, and behind them the files that it does not list. One without a file comes with its error.
func (d Directory) Chunks(ctx context.Context) ([]memoryindex.Chunk, error) {
	m, err := d.ReadManifest(ctx)
	if err != nil {
		return nil, err
	}
	files, err := d.Files(ctx)
	if err != nil {
		return nil, err
	}
	entries := m.Entries()
	chunks := make([]memoryindex.Chunk, 0, max(len(entries), len(files.Chunks)))
	for _, e := range entries {
		if _, replaced := syncer.ReplacedBy(d.replaced, m, e.ID); replaced && !slices.Contains(files.Chunks, e.ID) {
			continue
		}
		chunks = append(chunks, memoryindex.Chunk{ChunkEntry: e, Listed: true})
	}
	for _, id := range files.Chunks {
		if _, listed := m.Entry(id); !listed {
			chunks = append(chunks, memoryindex.Chunk{ChunkEntry: engram.ChunkEntry{ID: id}})
		}
	}
	for i := range chunks {
		c := &chunks[i]
		if c.Stamp, _, c.Err = d.FileStamp(c.ID); errors.Is(c.Err, fs.ErrNotExist) {
			c.Err = engram.ErrNoFile
		}
	}
	return chunks, nil
}

// Read hands a chunk to read, and gives its error.
func (d Directory) Read(_ context.Context, id engram.ChunkID, read func(*engram.Chunk) error) (err error) {
	c, err := d.OpenChunk(id)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read
	return read(c)
}

// Rows reads a chunk. One that was edited comes with its error, and one that is not there is engram.ErrNoFile.
func (d Directory) Rows(_ context.Context, id engram.ChunkID) ([]history.Row, error) {
	c, err := d.OpenChunk(id)
	if err == nil {
		defer func() { _ = c.Close() }() // only read
		rows, err := history.ReadChunk(c)
		if !problem.As[*engram.MismatchError](err) {
			return rows, err
		}
		edited, openErr := d.OpenEdited(id)
		if openErr != nil {
			return nil, openErr
		}
		defer func() { _ = edited.Close() }() // only read
		rows, readErr := history.ReadChunk(edited)
		if readErr != nil {
			return nil, readErr
		}
		return rows, err
	}
	if errors.Is(err, os.ErrNotExist) {
		err = engram.ErrNoFile
	}
	return nil, err
}
