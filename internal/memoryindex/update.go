package memoryindex

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/panics"
)

// Source is a place that chunks lie in. Read is called by several goroutines at once.
type Source interface {
	// State is a text that is the same as long as Chunks gives the same, and costs less.
	State(ctx context.Context) (string, error)
	// Chunks lists all, in the order of the manifest.
	Chunks(ctx context.Context) ([]Chunk, error)
	// Read hands the content of a chunk to read, which reads it to its end.
	Read(ctx context.Context, id engram.ChunkID, read func(*engram.Chunk) error) error
}

// Chunk is a chunk of a place.
type Chunk struct {
	engram.ChunkEntry
	Listed bool // else it is a file that no entry names, and only ID is known
	// Stamp is a text that differs once the chunk has to be read anew.
	Stamp string
	Err   error // why it cannot be read; nil where that is to be found out
}

// Failure is a chunk that could not be read, and why.
type Failure struct {
	ID  engram.ChunkID
	Err error
}

// Options are how an update goes about its work.
type Options struct {
	AtOnce int // how many chunks are read at once, at least 1
	// Plan hears how many chunks are read, Opened of each as it begins, Done of its end; nil: nobody does. The last two are
	// called by several goroutines.
	Plan   func(chunks int)
	Opened func(*engram.Chunk)
	Done   func()
	// Rows bounds those of the index: an update that would have more fails with ErrManyRows, and keeps what it has. 0: any number.
	Rows int64
	// Turn, if set, is waited for before a chunk is read, and left when it is written: no more chunks are in memory than it lets. Without
	// an id it is for finding out which versions are the newest. Its error ends the update, which keeps what it has.
	Turn func(context.Context, engram.ChunkID) (leave func(), err error)
}

const (
	// maxText is how much of one text is kept to be searched, in bytes.
	maxText = 1 << 20
	// maxName is the same for identities, projects and the like.
	maxName = 4 << 10
	// batchRows and batchBytes are how much is written in one transaction.
	batchRows, batchBytes = 5000, 64 << 20
	// largeBytes is from where on chunks are read one at a time: all rows of one are in memory.
	largeBytes = 32 << 20
)

// Update brings the index up to date with a place: only chunks that are new, or have another stamp, are read. What was
// written stays if it is interrupted, and the next update goes on from there. Chunks that cannot be read are failed, and say
// nothing; each update tries them again.
func (x *Index) Update(ctx context.Context, src Source, opts Options) (failed []Failure, err error) {
	state, err := src.State(ctx) // before the list: what changes meanwhile is seen the next time
	if err != nil {
		return nil, err
	}
	var had string
	if err := x.db.QueryRowContext(ctx, "SELECT coalesce((SELECT value FROM facts WHERE name = 'state'), '')").Scan(&had); err != nil {
		return nil, fmt.Errorf("read the index of memories: %w", err)
	}
	if had == state {
		return nil, nil
	}
	chunks, err := src.Chunks(ctx)
	if err != nil {
		return nil, err
	}
	failed, err = x.bring(ctx, src, state, chunks, opts)
	if err == nil {
		err = x.settleInTurn(ctx, state, len(failed) == 0, opts)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("write the index of memories: %w", err)
	}
	return failed, nil
}

func (x *Index) settleInTurn(ctx context.Context, state string, complete bool, opts Options) error {
	if opts.Turn != nil {
		leave, err := opts.Turn(ctx, engram.ChunkID{})
		if err != nil {
			return err
		}
		defer leave()
	}
	return x.settle(ctx, state, complete)
}

// ErrManyRows says that an index would have more rows than it may.
var ErrManyRows = errors.New("there are more rows than can be shown: some are missing here")

// StateOf is a State for a source that has to list its chunks for one.
func StateOf(chunks []Chunk) string {
	sum := sha256.New()
	var line []byte
	for i := range chunks {
		c := &chunks[i]
		line = fmt.Appendf(line[:0], "%s %t %s %q %q %d %d %d %t\n", c.ID, c.Listed, c.Stamp, c.CreatedAt, c.CreatedBy, c.Sessions, c.Memories, c.Prompts, c.Err != nil)
		sum.Write(line)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// known is what the index has of a chunk.
type known struct {
	n     int64
	stamp string
	read  bool
	seen  bool
	entry Chunk
	place int
}

// bring writes the entries of chunks, and the rows of those that have to be read.
func (x *Index) bring(ctx context.Context, src Source, state string, chunks []Chunk, opts Options) (failed []Failure, err error) {
	var unread []Chunk
	err = x.update(ctx, func(tx *sql.Tx) error {
		unread, failed, err = x.enter(ctx, tx, state, chunks)
		return err
	})
	if err != nil || len(unread) == 0 {
		return failed, err
	}
	if opts.Plan != nil {
		opts.Plan(len(unread))
	}
	return x.read(ctx, src, unread, failed, opts)
}

// reading is a chunk that was read.
type reading struct {
	Chunk
	rows  []history.Row
	err   error
	leave func()
}

// read reads chunks, several at once, and writes their rows in the meantime.
func (x *Index) read(ctx context.Context, src Source, unread []Chunk, failed []Failure, opts Options) ([]Failure, error) {
	ctx, cancel := context.WithCancel(ctx)
	readings := make(chan reading, max(1, opts.AtOnce))
	var turnErr error
	go func() {
		defer panics.Guard()
		defer close(readings)
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(max(1, opts.AtOnce))
		large := make(chan struct{}, 1)
		for _, c := range unread {
			if ctx.Err() != nil {
				break
			}
			group.Go(func() (err error) {
				defer panics.Guard()
				r := reading{Chunk: c, leave: func() {}}
				if opts.Turn != nil {
					if r.leave, err = opts.Turn(ctx, c.ID); err != nil {
						return err
					}
				}
				r.rows, r.err = readChunk(ctx, src, c.ID, large, opts)
				if opts.Done != nil {
					opts.Done()
				}
				readings <- r
				return nil
			})
		}
		turnErr = group.Wait()
	}()
	var writeErr error
	for open := true; open && writeErr == nil; {
		writeErr = x.update(ctx, func(tx *sql.Tx) error {
			w, err := newWriter(ctx, tx)
			if err != nil {
				return err
			}
			defer w.close()
			w.most = opts.Rows
			for w.rows < batchRows && w.bytes < batchBytes {
				r, ok := <-readings
				if !ok {
					open = false
					break
				}
				if r.err != nil {
					failed = append(failed, Failure{r.ID, r.err})
				} else {
					err = w.chunk(r)
				}
				r.rows = nil
				r.leave()
				if err != nil {
					return err
				}
			}
			if x.beforeCommit != nil {
				return x.beforeCommit()
			}
			return nil
		})
	}
	cancel()
	for r := range readings { // so that no worker waits for ever
		r.leave()
	}
	return failed, cmp.Or(writeErr, turnErr)
}

func readChunk(ctx context.Context, src Source, id engram.ChunkID, large chan struct{}, opts Options) (rows []history.Row, err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	err = src.Read(ctx, id, func(c *engram.Chunk) error {
		if opts.Opened != nil {
			opts.Opened(c)
		}
		if c.SizeHint > largeBytes {
			large <- struct{}{}
			defer func() { <-large }()
		}
		rows, err = history.ReadChunk(c)
		return err
	})
	return rows, err
}
