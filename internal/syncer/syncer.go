// Package syncer moves chunks between a chunk directory and a remote: it compares both
// sides, and transfers what one of them lacks. The commands for chunks call it, and put
// disks and networks, which it does not know, behind its interfaces.
package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/inflight"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Local is a chunk directory. Its methods are called concurrently.
type Local interface {
	// ReadManifest gives an empty manifest where there is none.
	ReadManifest(ctx context.Context) (*engram.Manifest, error)
	// Chunks lists the chunk files, and whatever else lies among them.
	Chunks(ctx context.Context) ([]engram.ChunkID, []engram.Stray, error)
	// OpenChunk opens one file. Its content is checked while it is read.
	OpenChunk(id engram.ChunkID) (*engram.Chunk, error)
	// WriteChunk reads a chunk to its end, and stores it if it is good.
	WriteChunk(ctx context.Context, c *engram.Chunk) error
	// AddEntries adds to the manifest the entries whose ids it lacks, and raises its
	// version to the given one.
	AddEntries(ctx context.Context, version int, entries []engram.ChunkEntry) error
}

// Remote is a server. Its methods are called concurrently. Lost connections and
// lost answers are its own business: a chunk's id is enough to ask the server
// whether it has it. (A batch of mutations has no id that every server knows, so
// package journal settles those itself, by what it put on disk before.) A push
// still believes an acknowledgement only when the manifest lists the chunk.
type Remote interface {
	ReadManifest(ctx context.Context) (*engram.Manifest, error)
	// ReadChunk hands the content of a chunk to store. The entry is the one
	// that the pusher sent along, or nil.
	ReadChunk(ctx context.Context, id engram.ChunkID, store func(*engram.Chunk) error) (*engram.ChunkEntry, error)
	// ReadReduced is ReadChunk for a chunk for which that gave an
	// engram.ReducedError: its content names itself.
	ReadReduced(ctx context.Context, id engram.ChunkID, store func(*engram.Chunk) error) error
	// WriteChunk stores a chunk. It calls open once for each attempt.
	WriteChunk(ctx context.Context, entry engram.ChunkEntry, open func() (*engram.Chunk, error)) error
}

// Item is one chunk in a plan. Its id here and its id there are two things,
// though they are the same on account servers, save for reduced chunks.
type Item struct {
	Local, Remote engram.ChunkID // zero where the chunk has none yet
	// Entry is often that of a manifest itself, so don't modify it: thousands of copies would take
	// more memory than the manifest.
	Entry     *engram.ChunkEntry
	Direction work.Direction
	// Stage is when it may move: after every item of the lower ones.
	Stage int
}

// Pair is a chunk that both sides have. What the manifests say of it they can be asked: of most
// chunks of a run nobody wants to know.
type Pair struct{ Local, Remote engram.ChunkID }

// ID is the id to call the item by: the one here, if there is one.
func (i Item) ID() engram.ChunkID {
	if i.Local.IsZero() {
		return i.Remote
	}
	return i.Local
}

// Moved is an item that did, with the size of its content in bytes.
type Moved struct {
	Item
	Bytes int64
	// Restored: an old client had reduced it, and it got identities for its rows.
	Restored bool
}

// Result is how every item of a run ended.
type Result struct {
	Moved   []Moved
	Present []Pair
	Failed  []work.Failure
	// Left are chunks of other projects that stay on the remote.
	Left []Item
	// Unasked stay there too: they are none of those that the run was asked for.
	Unasked []Item
	// Replaced stay there too, since others have taken their place here.
	Replaced []Replacement
}

// Options are how a run goes about its work.
type Options struct {
	// Pull and Push say which way chunks move.
	Pull, Push bool
	// Concurrency is how many items are in the network at once, at least 1.
	Concurrency int
	// Only limits the run to these chunks; empty means all.
	Only []engram.ChunkID
	// MinVersion is the least version of a manifest that is written.
	MinVersion int
	// Strict leaves reduced chunks where they are: they are no true ones.
	Strict bool
	// ReadBack downloads each pushed chunk again and compares the bytes.
	ReadBack bool
	// Fatal says of an error that no other item can fare better. nil: none is.
	Fatal func(error) bool
	// Passing says of an error in pushing an item that a later run may not meet it. nil:
	// none is.
	Passing func(error) bool
	// Held are chunks that are not pushed, and why.
	Held map[engram.ChunkID]error
	// Report hears what happens.
	Report work.Report
	// InFlight remembers what is being pushed. nil: a remote that takes a chunk twice
	// without harm, or that ends with this process.
	InFlight inflight.Notes
	// Notify hears of waits that a person would notice. nil: nobody does.
	Notify func(wait time.Duration, why string)
}

func (o Options) fatal(err error) bool { return o.Fatal != nil && o.Fatal(err) }

// Why an item did not move although no request failed.
var (
	// ErrNotStored: the server said yes, and does not list the chunk.
	ErrNotStored = errors.New("the server accepted it, but does not list it")
	// ErrUnconfirmed: the server said yes, and could not be asked again.
	ErrUnconfirmed = errors.New("the server accepted it, but could not be asked to confirm that")
	// ErrOtherBytes: the server lists the chunk, and gives other bytes.
	ErrOtherBytes = errors.New("the server holds other bytes under this id")
	// ErrOtherRows: the server says that it has stored the chunk as one that has other rows.
	ErrOtherRows = errors.New("the server accepted it, and names another chunk for it, which does not have its rows")
	// ErrNowhere is engram.ErrNoFile where the remote cannot help: project servers may have
	// the rows under another id, which nobody can tell without the file.
	ErrNowhere = fmt.Errorf("%w, and the remote has no chunk of this id", engram.ErrNoFile)
	// ErrForeign: an entry of the manifest here is none of engram's.
	ErrForeign = errors.New("the manifest has an entry that is not engram's")
	// ErrNotInTurn: the chunk was pulled, and its entry would stand before one that
	// the next run brings.
	ErrNotInTurn = errors.New("its file is here, and is listed with what comes before it")
	// ErrNotTried: an earlier error made it pointless.
	ErrNotTried = errors.New("not tried")
)
