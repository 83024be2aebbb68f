package syncer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engram-sync/engram-sync/internal/adoption"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/work"
)

// maxDoubtful bounds what one run looks at: a server may say what it likes of all its
// chunks. The next run looks at others.
const maxDoubtful = 256

// failCollisions finds chunks that both sides list under one id and that are two
// different ones: ids have 32 bits. Nobody reads all chunks for that, so it is those
// of which the manifests say different things, each once. Source:
// account-server.md 3.2, 3.5.
func (s *Diff) failCollisions(ctx context.Context, opts Options, result *Result) {
	var doubtful []Pair
	for _, p := range result.Present {
		if s.isDoubtful(p) {
			doubtful = append(doubtful, p)
		}
	}
	if len(doubtful) == 0 {
		return
	}
	doubtful = doubtful[:min(len(doubtful), maxDoubtful)]
	var mu sync.Mutex
	var failing atomic.Bool
	others := map[engram.ChunkID]bool{}
	work.Each(doubtful, opts.Concurrency, nil, func(p Pair) {
		if failing.Load() {
			return // a server that is going down is not asked for each of them
		}
		same, err := s.isSame(ctx, p.Remote)
		if err != nil && opts.Fatal != nil && opts.Fatal(err) {
			failing.Store(true)
		}
		if err == nil && same {
			err = s.asked.Aliases.Add(p.Remote, p.Local) // no later run has to look again
		}
		if err == nil && !same {
			mu.Lock()
			others[p.Remote] = true
			mu.Unlock()
		}
		// Otherwise it is as present as any other, and the next run looks.
	})
	result.Present = slices.DeleteFunc(slices.Clone(result.Present), func(p Pair) bool { return others[p.Remote] })
	for _, p := range doubtful {
		if others[p.Remote] {
			result.Failed = append(result.Failed, work.Failure{ID: p.Local.String(), Err: fmt.Errorf("chunk %s: %w", p.Local, ErrOtherBytes)})
		}
	}
}

// isDoubtful says whether the two sides may mean different chunks.
func (s *Diff) isDoubtful(p Pair) bool {
	if s.asked.Projector != nil || s.asked.Aliases == nil || p.Local != p.Remote {
		return false
	}
	here, listed := s.Here.Entry(p.Local)
	there, too := s.There.Entry(p.Remote)
	if !listed || !too || !differ(here, there) {
		return false
	}
	_, looked := s.asked.Aliases.Local(p.Remote)
	return !looked
}

// wrongClock is how far two clocks may be apart.
const wrongClock = 24 * time.Hour

// differ says whether two entries of one id, here and there, may be about different
// chunks. Who adopts a file does not know who wrote it. What a server received before it
// was made is another. Source: account-server.md 3.3.
func differ(a, b engram.ChunkEntry) bool {
	by := a.CreatedBy != b.CreatedBy && a.CreatedBy != adoption.UnknownAuthor && b.CreatedBy != adoption.UnknownAuthor
	early := b.Time().Before(a.Time().Add(-wrongClock)) && !b.Time().IsZero()
	return by || early || a.Sessions != b.Sessions || a.Memories != b.Memories || a.Prompts != b.Prompts
}

// isSame compares the bytes of both sides; of what an old client has reduced, the rows
// that are left.
func (s *Diff) isSame(ctx context.Context, id engram.ChunkID) (bool, error) {
	mine, err := sumOf(s.local, id)
	if err != nil {
		return false, err
	}
	theirs, _, err := s.readThere(ctx, id, nil)
	if _, reduced := errors.AsType[*engram.ReducedError](err); !reduced {
		return mine == theirs, err
	}
	var left []byte
	err = s.remote.ReadReduced(ctx, id, func(c *engram.Chunk) error {
		left, _, err = mend.Restore(id, c)
		return err
	})
	if err != nil {
		return false, err
	}
	c, err := s.local.OpenChunk(id)
	if err != nil {
		return false, err
	}
	defer func() { _ = c.Close() }() // only read
	would, _, err := mend.Restore(id, c)
	return bytes.Equal(would, left), err
}

func sumOf(local Local, id engram.ChunkID) (sum [32]byte, err error) {
	c, err := local.OpenChunk(id)
	if err != nil {
		return sum, err
	}
	defer func() { _ = c.Close() }() // only read
	_, err = io.Copy(io.Discard, c)
	return c.Sum(), err
}

// CompareBytes reads a chunk of the remote, and where it is here under the same id,
// the one here as well: ids have 32 bits.
func (s *Diff) CompareBytes(ctx context.Context, id engram.ChunkID, report work.Report) (int64, error) {
	theirs, size, err := s.readThere(ctx, id, report)
	if err != nil || s.asked.Projector != nil || !s.Holds(id) {
		return size, err
	}
	if mine, err := sumOf(s.local, id); err == nil && mine != theirs { // damage here is told as that
		return size, ErrOtherBytes
	}
	return size, nil
}

// readThere reads a chunk of the remote to its end.
func (s *Diff) readThere(ctx context.Context, id engram.ChunkID, report work.Report) (sum [32]byte, size int64, err error) {
	_, err = s.remote.ReadChunk(ctx, id, func(c *engram.Chunk) error {
		report.Watch(c)
		_, err := io.Copy(io.Discard, c)
		size, sum = c.Size(), c.Sum()
		return err
	})
	return sum, size, err
}
