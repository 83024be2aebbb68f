// Package arrival is the order in which chunks arrive: on a server, where who pulls in
// between imports what is there by then, and in the manifest of a directory. The syncer
// calls it, and moves the chunks.
package arrival

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/words"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Chunk is one that is to be sent, or a part of one.
type Chunk struct {
	ID engram.ChunkID // here
	At time.Time
	// Provides and Needs are sessions that the part has, and those that have to be there
	// before it.
	Provides, Needs []string
}

// Order is the order in which chunks reach a server. Its list has them in that order,
// and who pulls while some are missing imports what is there: an edit, a relation or a
// deletion that came before its row would be undone, or stop that import for good. So of
// two chunks that say different things of one row, the older one is there first. All
// others go several at once. Source: engram-2.md 2.3, project-server.md 3.6.
type Order struct {
	mentions map[engram.ChunkID][]words.Mention

	mu     sync.Mutex
	failed map[uint64]Failure // by the row
}

// Failure is the first chunk that could not go, of those that say something of a row.
type Failure struct {
	ID  engram.ChunkID
	Err error

	says  uint64
	mixed bool // another says something else
}

// Opener is a directory of chunks. OpenChunk is called concurrently.
type Opener interface {
	OpenChunk(id engram.ChunkID) (*engram.Chunk, error)
}

// Reader is an Opener of whose chunks some were read before. It too is asked concurrently.
type Reader interface {
	// Mentions is what a chunk mentions, if it was read.
	Mentions(id engram.ChunkID) ([]words.Mention, bool)
}

// Arrange gives chunks that are to be pushed their stages: those of one may go at once,
// and all behind those of lower ones. Of the chunks in dir, about so many bytes are read
// for that, several at once.
func Arrange(ctx context.Context, dir Opener, chunks []Chunk, most int64, atOnce int) (*Order, []int) {
	o := newOrder()
	stages := make([]int, len(chunks))
	if len(chunks) < 2 {
		return o, stages
	}
	o.read(ctx, dir, chunks, most, atOnce)
	l := newLine(o)
	for _, i := range oneByOne(chunks) {
		stages[i] = l.stage(chunks[i])
	}
	return o, stages
}

func newOrder() *Order {
	return &Order{mentions: map[engram.ChunkID][]words.Mention{}, failed: map[uint64]Failure{}}
}

// read reads what the chunks mention. Of one that cannot be read nobody knows it, and it
// is told when it is its turn.
func (o *Order) read(ctx context.Context, dir Opener, chunks []Chunk, most int64, atOnce int) {
	var ids []engram.ChunkID
	for _, c := range chunks {
		ids = append(ids, c.ID)
	}
	var size atomic.Int64
	known, _ := dir.(Reader)
	work.EachFile(slices.Compact(ids), atOnce, nil, func(id engram.ChunkID) {
		if known != nil {
			if mentions, ok := known.Mentions(id); ok {
				o.note(id, mentions)
				return
			}
		}
		if ctx.Err() != nil || size.Load() > most {
			return
		}
		c, err := dir.OpenChunk(id)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }() // only read
		mentions, err := engram.ReadRows(c, words.Mentions)
		size.Add(c.Size())
		if err != nil {
			return
		}
		o.note(id, mentions)
	})
}

func (o *Order) note(id engram.ChunkID, mentions []words.Mention) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mentions[id] = mentions
}

// Compare puts chunks in the order of their times, and ids.
func Compare(a, b Chunk) int { return cmp.Or(a.At.Compare(b.At), a.ID.Compare(b.ID)) }

// oneByOne gives the order in which chunks would go one at a time: that of their times, but
// for what brings sessions that another needs, which a project server wants first. Where
// parts need each other, one of them goes first, and the server decides.
func oneByOne(chunks []Chunk) []int {
	byTime := make([]int, len(chunks))
	for i := range chunks {
		byTime[i] = i
	}
	slices.SortStableFunc(byTime, func(i, j int) int { return Compare(chunks[i], chunks[j]) })
	providers := map[string][]int{}
	for _, i := range byTime {
		for _, session := range chunks[i].Provides {
			providers[session] = append(providers[session], i)
		}
	}
	var order []int
	begun, there := make([]bool, len(chunks)), map[string]bool{}
	var visit func(i int)
	visit = func(i int) {
		if begun[i] {
			return
		}
		begun[i] = true
		for _, session := range chunks[i].Needs {
			for _, from := range providers[session] {
				if there[session] {
					break
				}
				visit(from)
			}
		}
		order = append(order, i)
		for _, session := range chunks[i].Provides {
			there[session] = true
		}
	}
	for _, i := range byTime {
		visit(i)
	}
	return order
}

// Waits gives the failure for which a chunk is left to the next run: the other one says
// something else of one row, and would come behind it then.
func (o *Order) Waits(id engram.ChunkID) (f Failure, waits bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.mentions[id] {
		if f, ok := o.failed[m.Row]; ok && (f.mixed || f.says != m.Says) {
			return f, true
		}
	}
	return f, false
}

// Fail says that a chunk did not go, for its own failure or that of another.
func (o *Order) Fail(id engram.ChunkID, f Failure) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.mentions[id] {
		f.says = m.Says
		first, ok := o.failed[m.Row]
		if !ok {
			first = f
		}
		first.mixed = first.mixed || first.says != m.Says
		o.failed[m.Row] = first
	}
}

// Behind gives what says of a chunk whether it has to go behind late ones, which an earlier
// run may have sent: it says something else of a row than one of those, or than one that
// has to go behind them. It is asked in the order of the stages.
func (o *Order) Behind(late []engram.ChunkID) func(engram.ChunkID) bool {
	behind := Order{mentions: o.mentions, failed: map[uint64]Failure{}}
	for _, id := range late {
		behind.Fail(id, Failure{})
	}
	return func(id engram.ChunkID) bool {
		_, waits := behind.Waits(id)
		if waits {
			behind.Fail(id, Failure{})
		}
		return waits
	}
}
