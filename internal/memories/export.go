package memories

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"

	"golang.org/x/sync/errgroup"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/panics"
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
	// WriteChunk reads a chunk to its end, and stores it if it is good. It is called
	// concurrently.
	WriteChunk(ctx context.Context, c *engram.Chunk) error
	// AddEntries adds to the manifest the entries whose ids it lacks.
	AddEntries(ctx context.Context, version int, entries []engram.ChunkEntry) error
}

// atOnce is how many chunks are compressed at the same time. Each is in memory.
const atOnce = 2

// attempt is a draft that was stored, or why it was not.
type attempt struct {
	Draft
	err error
}

// Export stores drafts in a directory while the next ones are made, and then adds their
// entries to its manifest. What was stored before an error gets its entry all the same; the
// drafts that were not come back as failures. A run that is killed in between
// leaves files that the next one makes again, byte for byte, or that the next
// pull adopts. The error is of making a draft.
func Export(ctx context.Context, dir Directory, version int, drafts iter.Seq2[Draft, error]) (written []Draft, failed []work.Failure, err error) {
	var attempts []*attempt
	var stores errgroup.Group
	stores.SetLimit(atOnce)
	for d, broken := range drafts {
		if err = broken; err != nil {
			break
		}
		a := &attempt{Draft: d}
		attempts = append(attempts, a)
		if d.Rows[0].isMutation() { // about rows that have to be there
			_ = stores.Wait()
			_, failed = ended(attempts)
			a.err = d.Waits(failed)
		}
		stores.Go(func() error {
			defer panics.Guard()
			a.store(ctx, dir)
			return nil
		})
	}
	_ = stores.Wait() // no attempt returns an error
	written, failed = ended(attempts)
	if len(written) == 0 {
		return nil, failed, err
	}
	entries := make([]engram.ChunkEntry, len(written))
	for i, d := range written {
		entries[i] = d.Entry
	}
	if added := dir.AddEntries(context.WithoutCancel(ctx), version, entries); added != nil {
		for _, d := range written {
			failed = append(failed, work.Failure{ID: d.Entry.ID.String(), Err: added})
		}
		written = nil
	}
	return written, failed, err
}

func (a *attempt) store(ctx context.Context, dir Directory) {
	if a.err = cmp.Or(context.Cause(ctx), a.err); a.err == nil {
		a.err = dir.WriteChunk(ctx, a.chunk())
	}
	a.Text = nil
}

// ended tells attempts that have ended apart.
func ended(attempts []*attempt) (written []Draft, failed []work.Failure) {
	for _, a := range attempts {
		if a.err != nil {
			failed = append(failed, work.Failure{ID: a.Entry.ID.String(), Err: a.err})
		} else {
			written = append(written, a.Draft)
		}
	}
	return written, failed
}
