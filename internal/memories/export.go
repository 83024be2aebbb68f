package memories

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Draft is a chunk that has been made, and not been written.
type Draft struct {
	Entry engram.ChunkEntry
	Text  []byte // the uncompressed bytes, which hash to the id
	// Rows are those that were in no chunk. The sessions that come with them
	// are not among them.
	Rows []Row
	// NoDirectory is the session for which, having none, the chunk is apart from the
	// others; "" for all others.
	NoDirectory string
}

// chunk is the draft as something to store.
func (d Draft) chunk() *engram.Chunk {
	return engram.NewChunk(d.Entry.ID, io.NopCloser(bytes.NewReader(d.Text)), int64(len(d.Text)))
}

// Waits is why a draft must not be written where others were not: what mutations say
// is about rows of earlier chunks, and 1.x imports nothing any more once it has a
// relation without its end. nil if the draft can be written. Source: engram-2.md 2.3.
func (d Draft) Waits(failed []work.Failure) error {
	if len(failed) == 0 || d.Rows[0].Relation == nil && d.Rows[0].Deletion == nil {
		return nil
	}
	return fmt.Errorf("it waits for chunk %s: %w", failed[0].ID, failed[0].Err)
}

// Directory is a chunk directory, as a place for new chunks.
type Directory interface {
	// WriteChunk reads a chunk to its end, and stores it if it is good.
	WriteChunk(ctx context.Context, c *engram.Chunk) error
	// AddEntries adds to the manifest the entries whose ids it lacks.
	AddEntries(ctx context.Context, version int, entries []engram.ChunkEntry) error
}

// Export stores drafts in a directory, and then adds their entries to its
// manifest. What was stored before an error gets its entry all the same; the
// drafts that were not come back as failures. A run that is killed in between
// leaves files that the next one makes again, byte for byte, or that the next
// pull adopts.
func Export(ctx context.Context, dir Directory, version int, drafts []Draft) (written []Draft, failed []work.Failure) {
	for _, d := range drafts {
		err := cmp.Or(context.Cause(ctx), d.Waits(failed))
		if err == nil {
			err = dir.WriteChunk(ctx, d.chunk())
		}
		if err != nil {
			failed = append(failed, work.Failure{ID: d.Entry.ID.String(), Err: err})
			continue
		}
		written = append(written, d)
	}
	if len(written) == 0 {
		return nil, failed
	}
	entries := make([]engram.ChunkEntry, len(written))
	for i, d := range written {
		entries[i] = d.Entry
	}
	if err := dir.AddEntries(context.WithoutCancel(ctx), version, entries); err != nil {
		for _, d := range written {
			failed = append(failed, work.Failure{ID: d.Entry.ID.String(), Err: err})
		}
		return nil, failed
	}
	return written, failed
}
