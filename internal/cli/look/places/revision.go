package places

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// maxManifest bounds a manifest, in bytes, as chunkdir does.
const maxManifest = 64 << 20

// Revision is the chunk directory as a commit has it: a comparison.Place. Close ends it. Chunks comes first; Rows may then be
// called by several goroutines at once.
type Revision struct {
	*git.Revision
	path  string // of the chunk directory in the work tree
	limit int64  // of a chunk

	files   map[string]git.TreeFile // once Chunks was called
	changed map[string]bool         // once Unchanged was
}

// FindRevision gives what a user calls a revision, for a directory in a work tree; nil where git knows none by this name.
func FindRevision(ctx context.Context, ws *workspace.Workspace, dir workspace.Directory, name string) (*Revision, error) {
	r, err := git.FindRevision(ctx, ws.Environ, dir.Path(), name)
	if err != nil || r == nil {
		return nil, err
	}
	return &Revision{Revision: r, path: dir.Path(), limit: maxBytes(ws)}, nil
}

// Path is where the chunk directory is in the work tree.
func (r *Revision) Path() string { return r.path }

// Unchanged tells of which chunks the file of the commit is, byte for byte, that of the work tree. Git is asked once.
func (r *Revision) Unchanged(ctx context.Context) (_ func(engram.ChunkID) bool, err error) {
	if r.changed == nil {
		if r.changed, err = r.Changed(ctx); err != nil {
			return nil, err
		}
	}
	return func(id engram.ChunkID) bool {
		name := chunkPath(id)
		_, there := r.files[name]
		return there && !r.changed[name]
	}, nil
}

var errNoFileThere = errors.New("git has no regular file by its name there")

// Chunks lists the chunks of the commit; their stamps are the names of git's objects.
func (r *Revision) Chunks(ctx context.Context) ([]memoryindex.Chunk, error) {
	var err error
	if r.files, err = r.Files(ctx); err != nil {
		return nil, err
	}
	m := engram.NewManifest()
	if f := r.files[chunkdir.ManifestName]; f.Regular {
		text, err := r.Read(ctx, f, maxManifest)
		if err == nil {
			m, err = engram.ParseManifest(text)
		}
		if err != nil {
			return nil, fmt.Errorf("the manifest of commit %.12s: %w", r.Commit, err)
		}
	}
	var chunks []memoryindex.Chunk
	for _, e := range m.Entries() {
		chunks = append(chunks, memoryindex.Chunk{ChunkEntry: e, Listed: true})
	}
	var others []memoryindex.Chunk
	for name := range r.files {
		in, file := path.Split(name)
		id, err := engram.ParseChunkID(strings.TrimSuffix(file, chunkdir.ChunkSuffix))
		if in == chunkdir.ChunksName+"/" && err == nil && name == chunkPath(id) && !m.Has(id) {
			others = append(others, memoryindex.Chunk{ChunkEntry: engram.ChunkEntry{ID: id}})
		}
	}
	slices.SortFunc(others, func(a, b memoryindex.Chunk) int { return a.ID.Compare(b.ID) })
	chunks = append(chunks, others...)
	for i := range chunks {
		c := &chunks[i]
		if f, there := r.files[chunkPath(c.ID)]; there {
			c.Stamp = f.Object
		}
	}
	return chunks, nil
}

func chunkPath(id engram.ChunkID) string {
	return chunkdir.ChunksName + "/" + id.String() + chunkdir.ChunkSuffix
}

// Rows reads a chunk. One that was edited comes with its error.
func (r *Revision) Rows(ctx context.Context, id engram.ChunkID) ([]history.Row, error) {
	f, there := r.files[chunkPath(id)]
	switch {
	case !there:
		return nil, engram.ErrNoFile
	case !f.Regular:
		return nil, &engram.DamageError{ID: id, Err: errNoFileThere}
	}
	text, err := r.Read(ctx, f, r.limit+r.limit/1000+1024) // what cannot be compressed is a little longer
	if large, is := errors.AsType[*git.TooLargeError](err); is {
		return nil, &engram.DamageError{ID: id, Reason: large.Error()}
	}
	if err != nil {
		return nil, err
	}
	rows, err := rowsOf(text, id, r.limit)
	if problem.As[*engram.MismatchError](err) {
		if edited, readErr := rowsOf(text, engram.ChunkID{}, r.limit); readErr == nil {
			rows = edited
		}
	}
	return rows, err
}

// rowsOf reads the rows of a chunk file that is in memory, with the id that its content has to have; zero: any.
func rowsOf(file []byte, id engram.ChunkID, limit int64) ([]history.Row, error) {
	content, err := unzip(bufio.NewReader(bytes.NewReader(file)))
	if err != nil {
		return nil, err
	}
	return history.ReadChunk(engram.NewChunk(id, io.NopCloser(content), limit))
}

// unzip gives the content of a chunk file.
func unzip(in *bufio.Reader) (io.Reader, error) {
	if head, _ := in.Peek(2); string(head) != "\x1f\x8b" {
		if more, _ := in.Peek(len(pointer)); string(more) == pointer {
			return nil, chunkdir.ErrPointer
		}
		return nil, errNoChunk
	}
	zip, err := gzip.NewReader(in)
	if err != nil {
		return nil, gzipDamage(err)
	}
	zip.Multistream(false)
	return unzipped{zip}, nil
}
