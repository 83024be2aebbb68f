package syncer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// lineup lets the entries of a pull into the manifest in the order of its items, in
// whichever order these end: imports read the list in order. What ended badly holds up
// nobody, and what may still come in this run, or begins the next one, all behind it.
type lineup struct {
	place map[engram.ChunkID]int // of the items, by their ids there
	next  int                    // the first that has not ended
	ended map[int]engram.ChunkEntry
}

func lineUp(items []Item) *lineup {
	l := &lineup{place: make(map[engram.ChunkID]int, len(items)), ended: map[int]engram.ChunkEntry{}}
	for i, item := range items {
		l.place[item.Remote] = i
	}
	return l
}

// end says that an item has ended, and with which entry; the zero one if with none.
// The entries that nothing stands before any more are given once.
func (l *lineup) end(item Item, e engram.ChunkEntry) (ready []engram.ChunkEntry) {
	if at := l.place[item.Remote]; at >= l.next {
		l.ended[at] = e
	}
	for ; ; l.next++ {
		e, ok := l.ended[l.next]
		if !ok {
			return ready
		}
		delete(l.ended, l.next)
		if !e.ID.IsZero() {
			ready = append(ready, e)
		}
	}
}

// comesAgain says of an error in pulling an item that the next run will have it, since
// this one is being cut off, or that this one may still have it, which is judged at its end.
func (p *puller) comesAgain(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, errOpen) || p.opts.fatal(err))
}

// inTurn gives items that are to be pulled the times of the list that they come from,
// none of them in the future, and the order of these times. A project server lists chunks in the order of
// their arrival, and with whole seconds: what has one time there gets others, a
// microsecond apart. Source: project-server.md 3.1 and 3.6.
func inTurn(items []Item, there *engram.Manifest) []Item {
	if len(items) == 0 {
		return nil
	}
	list, now := slices.Clone(there.Entries()), time.Now()
	for i, e := range list {
		list[i] = e.Clamped(now)
	}
	slices.SortStableFunc(list, func(a, b engram.ChunkEntry) int { return a.Time().Compare(b.Time()) })
	times := make(map[engram.ChunkID]time.Time, len(list))
	var last time.Time
	for _, e := range list {
		last = later(last, e.Time())
		times[e.ID] = last
	}
	items = slices.Clone(items)
	for i := range items {
		items[i].Entry.CreatedAt = engram.FormatTime(times[items[i].Remote])
	}
	slices.SortFunc(items, func(a, b Item) int { return times[a.Remote].Compare(times[b.Remote]) })
	return items
}

// later is a time, or the next one behind the last that a manifest can tell from it.
func later(last, t time.Time) time.Time {
	if t = t.UTC().Truncate(time.Microsecond); t.After(last) {
		return t
	}
	return last.Add(time.Microsecond)
}
