package syncer

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/engram-sync/engram-sync/internal/arrival"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/inflight"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/work"
)

// earlyProjector is a Projector that knows what a chunk becomes before it has read all.
type earlyProjector interface {
	recognition.Projector
	// Early projects chunks in this order, and gives what one becomes as soon as none behind
	// it can change that, until it knows of no more, or give is false.
	Early(ctx context.Context, ids []engram.ChunkID, give func(engram.ChunkID, recognition.Projection) bool)
	// Forget says that nobody is about to open what is left of the parts that Early gave.
	Forget(local engram.ChunkID)
	arrival.Reader
}

// ahead is what is pushed while chunks are still compared: to a server that has nothing, and
// for which they are read anyway. What goes, and in which order, is what it would be later.
type ahead struct {
	opts      Options
	projector earlyProjector
	here      *engram.Manifest
	line      *arrival.Line
	pusher    pusher

	mu       sync.Mutex
	more     *sync.Cond
	queue    []Item
	full     bool // nothing is added any more
	planned  bool
	open     map[engram.ChunkID]int // of the items of a chunk, how many have not ended
	parts    map[engram.ChunkID]recognition.Projection
	outcomes map[pushed]outcome
	fatal    error
}

// pushed tells one item from another.
type pushed struct{ local, remote engram.ChunkID }

// pushAhead pushes what is known of these chunks before all of them are.
func (s *Diff) pushAhead(ctx context.Context, here *engram.Manifest, ids []engram.ChunkID, opts Options) *ahead {
	a := &ahead{
		opts: opts, projector: s.asked.Projector.(earlyProjector), here: here, line: arrival.NewLine(),
		open: map[engram.ChunkID]int{}, parts: map[engram.ChunkID]recognition.Projection{}, outcomes: map[pushed]outcome{},
	}
	a.more = sync.NewCond(&a.mu)
	a.pusher = pusher{Diff: s, opts: opts, order: a.line.Order, projected: a.projection, sums: map[engram.ChunkID][32]byte{}, flight: &inflight.Flight{}}
	var group sync.WaitGroup
	for range max(1, opts.Concurrency) {
		group.Go(func() {
			defer panics.Guard()
			for a.next(ctx) {
			}
		})
	}
	a.projector.Early(ctx, inTime(here, ids), a.add)
	a.mu.Lock()
	a.full = true
	a.more.Broadcast()
	a.mu.Unlock()
	group.Wait()
	a.line, a.pusher.order = nil, nil // nobody looks at them any more
	return a
}

// inTime are the chunks up to the first that does not stand in the order of times: there is
// one behind it that may have to go before it.
func inTime(here *engram.Manifest, ids []engram.ChunkID) []engram.ChunkID {
	chunk := func(id engram.ChunkID) arrival.Chunk {
		e, _ := here.Entry(id)
		return arrival.Chunk{ID: id, At: e.Time()}
	}
	sorted := slices.SortedFunc(slices.Values(ids), func(a, b engram.ChunkID) int { return arrival.Compare(chunk(a), chunk(b)) })
	n := 0
	for n < len(ids) && ids[n] == sorted[n] {
		n++
	}
	return sorted[:n]
}

// add takes in what a chunk becomes. Parts that have to come behind others wait until all
// are known.
func (a *ahead) add(id engram.ChunkID, p recognition.Projection) (goOn bool) {
	entry, _ := a.here.Entry(id)
	items := itemsOfParts(entry, p.Parts)
	chunks := make([]arrival.Chunk, len(items))
	for i, item := range items {
		chunks[i] = arrivalOf(item, p)
	}
	mentions, _ := a.projector.Mentions(id)
	stages, ok := a.line.Next(id, mentions, chunks)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !ok || a.fatal != nil {
		a.projector.Forget(id)
		return false
	}
	a.parts[id] = p
	n := 0
	for i, item := range items {
		if stages[i] == 0 {
			a.queue = append(a.queue, item)
			n++
		}
	}
	if a.open[id] = n; n == 0 {
		a.projector.Forget(id)
		return true
	}
	if !a.planned {
		a.planned = true
		a.opts.Report.Tell(work.Event{Kind: work.EventPlan, Direction: work.Pushed}) // of nobody knows how many
	}
	a.opts.Report.Tell(work.Event{Kind: work.EventMore, Items: n})
	a.more.Broadcast()
	return true
}

func (a *ahead) projection(local engram.ChunkID) (recognition.Projection, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, ok := a.parts[local]
	return p, ok
}

// next pushes an item, once there is one, and is false when there will be none.
func (a *ahead) next(ctx context.Context) bool {
	a.mu.Lock()
	for len(a.queue) == 0 && !a.full {
		a.more.Wait()
	}
	if len(a.queue) == 0 {
		a.mu.Unlock()
		return false
	}
	item := a.queue[0]
	a.queue = a.queue[1:]
	tried := a.fatal == nil && ctx.Err() == nil // else it is left to the others
	a.mu.Unlock()
	var out outcome
	if tried {
		out = protect(func() outcome { return a.pusher.push(ctx, item, func() {}) })
		a.opts.Report.Tell(work.Event{Kind: work.EventDone})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if tried {
		a.outcomes[pushed{item.Local, item.Remote}] = out
	}
	if out.err != nil && a.opts.fatal(out.err) && a.fatal == nil {
		a.fatal = out.err
	}
	if a.open[item.Local]--; a.open[item.Local] == 0 {
		a.projector.Forget(item.Local)
	}
	return true
}

// split parts what has gone from the rest.
func (a *ahead) split(items []Item) (rest, gone []Item, outcomes []outcome) {
	if a == nil {
		return items, nil, nil
	}
	for _, item := range items {
		if out, ok := a.outcomes[pushed{item.Local, item.Remote}]; ok {
			gone, outcomes = append(gone, item), append(outcomes, out)
		} else {
			rest = append(rest, item)
		}
	}
	return rest, gone, outcomes
}

// inTurn puts items back into the order in which they were planned.
func (a *ahead) inTurn(plan, items []Item, outcomes []outcome) {
	if a == nil {
		return
	}
	turn := make(map[pushed]int, len(plan))
	for i, item := range plan {
		turn[pushed{item.Local, item.Remote}] = i
	}
	sort.Stable(byTurn{turn, items, outcomes})
}

// byTurn sorts items together with their outcomes.
type byTurn struct {
	turn     map[pushed]int
	items    []Item
	outcomes []outcome
}

func (b byTurn) Len() int { return len(b.items) }
func (b byTurn) Swap(i, j int) {
	b.items[i], b.items[j] = b.items[j], b.items[i]
	b.outcomes[i], b.outcomes[j] = b.outcomes[j], b.outcomes[i]
}
func (b byTurn) Less(i, j int) bool {
	one, other := b.items[i], b.items[j]
	return b.turn[pushed{one.Local, one.Remote}] < b.turn[pushed{other.Local, other.Remote}]
}

// transfer moves the rest, unless what went ahead has shown that none can fare better.
func (a *ahead) transfer(ctx context.Context, items []Item, opts Options, move mover) []outcome {
	if a == nil || a.fatal == nil {
		return transfer(ctx, work.Pushed, items, opts, move)
	}
	outcomes := make([]outcome, len(items))
	for i := range outcomes {
		outcomes[i].err = fmt.Errorf("%w: %w", ErrNotTried, a.fatal)
	}
	return outcomes
}

// askedFirst are the options of the first comparison of two sides, which may let a run begin. A
// chunk file that is adopted, and pushed then, may have to go before others.
func (s *Diff) askedFirst(sides recognition.Sides) recognition.Options {
	asked, opts := s.asked, s.early
	s.early = nil
	if _, can := asked.Projector.(earlyProjector); opts == nil || !can || len(opts.Only) > 0 || !opts.Push {
		return asked
	}
	for id := range sides.Files {
		if opts.Pull && !sides.Here.Names(id) {
			return asked
		}
	}
	asked.Early = func(ctx context.Context, ids []engram.ChunkID) { s.ahead = s.pushAhead(ctx, sides.Here, ids, *opts) }
	return asked
}

// match is what is known of two sides whose comparison has failed: chunks whose parts nobody
// knows are not tried.
func (a *ahead) match(sides recognition.Sides, err error) *recognition.Match {
	m := &recognition.Match{Sides: sides, Projected: a.parts}
	for _, e := range sides.Here.Entries() {
		if _, known := a.parts[e.ID]; !known && sides.Files[e.ID] {
			m.Projected[e.ID] = recognition.Projection{Err: fmt.Errorf("%w: %w", ErrNotTried, err)}
		}
	}
	return m
}
