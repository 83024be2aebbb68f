// Package work is how a run goes through many items: several at once, each ending
// by itself, while somebody hears how far it has come. It is for the loops (syncer,
// journal, memories) and for whoever shows their progress and their failures.
package work

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/panics"
)

// Direction is which way an item goes.
type Direction string

// The directions.
const (
	Pushed Direction = "push"
	Pulled Direction = "pull"
	// Compared items are only looked at, and Looked into are those that somebody searches.
	Compared Direction = "compare"
	Looked   Direction = "look"
)

// Failure is an item that did not move, and why.
type Failure struct {
	ID        string // as a server or disk has it, so not always a chunk id
	Direction Direction
	Err       error
}

// Event is something that happened in a run. Each kind has its own fields.
type Event struct {
	Kind      EventKind
	Direction Direction // EventPlan; "" where nothing moves
	Items     int       // EventPlan: how many items there are, EventMore: how many more
	Bytes     int64     // EventSize: expected, EventBytes: moved
}

// EventKind tells events apart.
type EventKind int

// The kinds of event.
const (
	EventPlan  EventKind = iota // a list of items is about to be worked on
	EventMore                   // there are more items than was planned, and may be more still
	EventSize                   // the size of an item became known
	EventBytes                  // a piece of an item went through
	EventDone                   // an item ended, well or not
)

// Report hears what happens, from several goroutines at once. nil: nobody does.
type Report func(Event)

// Tell reports an event, if somebody listens.
func (r Report) Tell(e Event) {
	if r != nil {
		r(e)
	}
}

// Watch reports how a chunk goes through.
func (r Report) Watch(c *engram.Chunk) {
	if c.SizeHint > 0 {
		r.Tell(Event{Kind: EventSize, Bytes: c.SizeHint})
	}
	c.Progress = func(n int) { r.Tell(Event{Kind: EventBytes, Bytes: int64(n)}) }
}

// Each does every item, at most so many at once, reports the end of each, and
// returns when all have ended.
func Each[T any](items []T, atOnce int, report Report, do func(T)) {
	EachLeaving(items, atOnce, report, func(item T, _ func()) { do(item) })
}

// EachFile is Each for items that take less than a goroutine does, such as small files: whoever has
// done one goes on with the next. A server with too much to do would refuse more of them so.
func EachFile[T any](items []T, atOnce int, report Report, do func(T)) {
	var next atomic.Int64
	var group errgroup.Group
	for range min(len(items), max(1, atOnce)) {
		group.Go(func() error {
			defer panics.Guard()
			for i := next.Add(1) - 1; i < int64(len(items)); i = next.Add(1) - 1 {
				do(items[i])
				report.Tell(Event{Kind: EventDone})
			}
			return nil
		})
	}
	_ = group.Wait() // no worker returns an error
}

// EachLeaving is Each for items that may leave before they end: another one begins then.
// The items begin in their order. Nearly as many as go at once may have left and not ended;
// none where one goes at a time.
func EachLeaving[T any](items []T, atOnce int, report Report, do func(item T, leave func())) {
	places := make(chan struct{}, max(1, atOnce))
	var group errgroup.Group
	group.SetLimit(2*cap(places) - 1)
	for _, item := range items {
		places <- struct{}{}
		group.Go(func() error {
			defer panics.Guard()
			leave := sync.OnceFunc(func() { <-places })
			defer leave()
			do(item, leave)
			report.Tell(Event{Kind: EventDone})
			return nil
		})
	}
	_ = group.Wait() // no worker returns an error
}
