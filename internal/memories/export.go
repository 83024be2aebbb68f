package memories

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Draft is a chunk that has been made, and not been written.
type Draft struct {
	Entry engram.ChunkEntry
	Text  []byte // the uncompressed bytes, which hash to the id; nil once it was written
	Size  int    // of Text
	// Rows are those that were in no chunk. The sessions that come with them
	// are not among them.
	Rows []*Row
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
	if len(failed) == 0 || !d.Rows[0].isMutation() {
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

// Export stores drafts in a directory, each before the next is made, and then adds their
// entries to its manifest. What was stored before an error gets its entry all the same; the
// drafts that were not come back as failures. A run that is killed in between
// leaves files that the next one makes again, byte for byte, or that the next
// pull adopts. The error is of making a draft.
func Export(ctx context.Context, dir Directory, version int, drafts iter.Seq2[Draft, error]) (written []Draft, failed []work.Failure, err error) {
	var entries []engram.ChunkEntry
	for d, broken := range drafts {
		if err = broken; err != nil {
			break
		}
		why := cmp.Or(context.Cause(ctx), d.Waits(failed))
		if why == nil {
			why = dir.WriteChunk(ctx, d.chunk())
		}
		if why != nil {
			failed = append(failed, work.Failure{ID: d.Entry.ID.String(), Err: why})
			continue
		}
		d.Text = nil
		written, entries = append(written, d), append(entries, d.Entry)
	}
	if len(written) == 0 {
		return nil, failed, err
	}
	if added := dir.AddEntries(context.WithoutCancel(ctx), version, entries); added != nil {
		for _, d := range written {
			failed = append(failed, work.Failure{ID: d.Entry.ID.String(), Err: added})
		}
		written = nil
	}
	return written, failed, err
}
