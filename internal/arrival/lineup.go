package arrival

import (
	"maps"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Lineup lets the entries of a pull into the manifest in the order of its chunks, in
// whichever order these end: imports read the list in order. What ended badly holds up
// nobody, and what may still come in this run, or begins the next one, all behind it.
// It is for one goroutine at a time.
type Lineup struct {
	place map[engram.ChunkID]int // of the chunks, by their ids there
	next  int                    // the first that has not ended
	ended map[int]engram.ChunkEntry
}

// LineUp lines up chunks, by their ids there.
func LineUp(ids []engram.ChunkID) *Lineup {
	l := &Lineup{place: make(map[engram.ChunkID]int, len(ids)), ended: map[int]engram.ChunkEntry{}}
	for i, id := range ids {
		l.place[id] = i
	}
	return l
}

// End says that a chunk has ended, and with which entry; the zero one if with none.
// The entries that nothing stands before any more are given once.
func (l *Lineup) End(id engram.ChunkID, e engram.ChunkEntry) (ready []engram.ChunkEntry) {
	if at := l.place[id]; at >= l.next {
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

// Times are the times that entries of a server's list get here, none of them in the
// future, by their ids; where two have one time, the one listed later gets another, a
// microsecond apart: a project server lists chunks in the order of their arrival, and
// with whole seconds. Source: project-server.md 3.1 and 3.6.
func Times(there *engram.Manifest) map[engram.ChunkID]time.Time {
	list, now := slices.Clone(there.Entries()), time.Now()
	for i, e := range list {
		list[i] = e.Clamped(now)
	}
	slices.SortStableFunc(list, func(a, b engram.ChunkEntry) int { return a.Time().Compare(b.Time()) })
	times := make(map[engram.ChunkID]time.Time, len(list))
	var last time.Time
	for _, e := range list {
		last = Later(last, e.Time())
		times[e.ID] = last
	}
	return times
}

// IsNext says whether the chunk is the one that all others wait for.
func (l *Lineup) IsNext(id engram.ChunkID) bool { return l.place[id] == l.next }

// Held are the entries that still have to wait.
func (l *Lineup) Held() []engram.ChunkEntry { return slices.Collect(maps.Values(l.ended)) }

// Later is a time, or the next one behind the last that a manifest can tell from it.
func Later(last, t time.Time) time.Time {
	if t = t.UTC().Truncate(time.Microsecond); t.After(last) {
		return t
	}
	return last.Add(time.Microsecond)
}
