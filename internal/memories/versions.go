package memories

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// ChunkFiles are the files of a chunk directory, as the index of what they hold
// wants them. Its methods are called concurrently.
type ChunkFiles interface {
	OpenChunk(id engram.ChunkID) (*engram.Chunk, error)
	// Stamp is a text that differs once the file was written anew, and the size
	// of the file. A missing file gives an error that wraps fs.ErrNotExist.
	Stamp(id engram.ChunkID) (stamp string, size int64, err error)
}

// VersionIndex remembers what was read out of chunk files.
type VersionIndex interface {
	// Versions gives what was added for the same id and stamp.
	Versions(id engram.ChunkID, stamp string) ([]engram.RowVersion, bool)
	Add(id engram.ChunkID, stamp string, versions []engram.RowVersion)
}

// ErrTooMuch: more would have to be read than the caller allows.
var ErrTooMuch = errors.New("too much has to be read")

// ReadVersions finds out what the chunks that a manifest lists hold. Chunk files
// that the index does not know are read and verified, atOnce at once, if they
// have no more than maxBytes together on disk: else the error wraps ErrTooMuch.
//
// What is missing, damaged or unreadable holds nothing, and is in failed.
func ReadVersions(ctx context.Context, files ChunkFiles, entries []engram.ChunkEntry, index VersionIndex, maxBytes int64, atOnce int, report work.Report) (versions *Versions, failed []work.Failure, err error) {
	chunks := make([]indexedChunk, len(entries))
	var unread []*indexedChunk
	var total int64
	for i, e := range entries {
		c := &chunks[i]
		c.id = e.ID
		var size int64
		if c.stamp, size, c.err = files.Stamp(e.ID); c.err != nil {
			continue
		}
		var known bool
		if c.versions, known = index.Versions(e.ID, c.stamp); !known {
			unread, total = append(unread, c), total+size
		}
	}
	if total > maxBytes {
		return nil, nil, fmt.Errorf("%w: %d bytes in %d chunk files", ErrTooMuch, total, len(unread))
	}
	report.Tell(work.Event{Kind: work.EventPlan, Items: len(unread)})
	work.Each(unread, atOnce, report, func(c *indexedChunk) {
		if ctx.Err() == nil {
			c.versions, c.err = readChunk(files, c.id, report)
		}
	})
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	for _, c := range unread {
		if c.err == nil {
			index.Add(c.id, c.stamp, c.versions)
		}
	}
	lists := make([][]engram.RowVersion, len(chunks))
	for i, c := range chunks {
		lists[i] = c.versions
		if errors.Is(c.err, fs.ErrNotExist) {
			c.err = engram.ErrNoFile
		}
		if c.err != nil {
			failed = append(failed, work.Failure{ID: c.id.String(), Err: c.err})
		}
	}
	return NewVersions(lists...), failed, nil
}

// indexedChunk is one chunk of a directory.
type indexedChunk struct {
	id       engram.ChunkID
	stamp    string
	versions []engram.RowVersion
	err      error
}

// readChunk reads one chunk, sorted and each version once.
func readChunk(files ChunkFiles, id engram.ChunkID, report work.Report) (versions []engram.RowVersion, err error) {
	c, err := files.OpenChunk(id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // only read
	report.Watch(c)
	versions, err = engram.ReadRows(c, engram.ReadVersions)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(versions, engram.RowVersion.Compare)
	return slices.Compact(versions), nil
}

// Versions are the versions of rows that a set of chunks holds.
type Versions struct {
	versions []engram.RowVersion // sorted, each once
}

// NewVersions takes the versions of each chunk. It keeps none of the slices.
func NewVersions(chunks ...[]engram.RowVersion) *Versions {
	all := slices.Concat(chunks...)
	slices.SortFunc(all, engram.RowVersion.Compare)
	return &Versions{slices.Compact(all)}
}

// of are the versions of the same row as v, oldest first.
func (h *Versions) of(v engram.RowVersion) []engram.RowVersion {
	first := engram.RowVersion{Kind: v.Kind, Row: v.Row, Updated: -1 << 63, Revision: -1 << 63}
	from, _ := slices.BinarySearchFunc(h.versions, first, engram.RowVersion.Compare)
	to := from
	for to < len(h.versions) && h.versions[to].SameRow(v) {
		to++
	}
	return h.versions[from:to]
}

// holds says whether one of known, the versions of its row that chunks hold, is v
// itself, or the newest says the same and only counters differ.
func holds(known []engram.RowVersion, v engram.RowVersion) bool {
	return slices.ContainsFunc(known, func(k engram.RowVersion) bool { return k.Content == v.Content && k.Revision == v.Revision }) ||
		len(known) > 0 && known[len(known)-1].Content == v.Content
}

// superseded says whether somebody changed the row later, and that has not been
// imported here; told, whether what v says was in a chunk before.
func superseded(known []engram.RowVersion, v engram.RowVersion) (later, told bool) {
	return slices.ContainsFunc(known, func(k engram.RowVersion) bool { return k.Supersedes(v) }),
		slices.ContainsFunc(known, func(k engram.RowVersion) bool { return k.Content == v.Content })
}
