package syncer

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/words"
	"github.com/engram-sync/engram-sync/internal/work"
)

// arrival is the order in which chunks reach a server. Its list has them in that order,
// and who pulls while some are missing imports what is there: an edit, a relation or a
// deletion that came before its row would be undone, or stop that import for good. So of
// two chunks that say different things of one row, the older one is there first. All
// others go several at once. Source: engram-2.md 2.3, project-server.md 3.6.
type arrival struct {
	mentions map[engram.ChunkID][]words.Mention

	mu     sync.Mutex
	failed map[uint64]failure // by the row
}

// failure is the first item that could not go, of those that say something of a row.
type failure struct {
	says  uint64
	mixed bool // another says something else
	id    engram.ChunkID
	err   error
}

// maxMentioned is about how many bytes of chunks are read for their order before a push to
// an account server: what is beyond has none, since large pushes there cost little else.
// For project servers chunks have been read for more than that.
const maxMentioned = 64 << 20

// arrange gives items that are to be pushed their stages.
func (s *Diff) arrange(ctx context.Context, items []Item, opts Options) (*arrival, []Item) {
	a := &arrival{mentions: map[engram.ChunkID][]words.Mention{}, failed: map[uint64]failure{}}
	if len(items) < 2 {
		return a, items
	}
	a.read(ctx, s, opts.Concurrency, items)
	items = slices.Clone(items)
	parts := s.partsOf(items)
	rows, sessions := map[uint64]said{}, map[string]int{}
	for _, i := range oneByOne(items, parts) {
		items[i].Stage = max(rowStage(rows, a.mentions[items[i].Local]), sessionStage(sessions, parts[i].Needs))
		for _, m := range a.mentions[items[i].Local] {
			rows[m.Row] = rows[m.Row].with(m, items[i].Stage)
		}
		for _, session := range parts[i].Provides {
			if first, ok := sessions[session]; !ok || items[i].Stage < first {
				sessions[session] = items[i].Stage
			}
		}
	}
	return a, items
}

// read reads what the chunks mention. Of one that cannot be read nobody knows it, and it
// is told when it is its turn.
func (a *arrival) read(ctx context.Context, s *Diff, atOnce int, items []Item) {
	var ids []engram.ChunkID
	for _, item := range items {
		ids = append(ids, item.Local)
	}
	var size atomic.Int64
	work.Each(slices.Compact(ids), atOnce, nil, func(id engram.ChunkID) {
		if ctx.Err() != nil || s.asked.Projector == nil && size.Load() > maxMentioned {
			return
		}
		c, err := s.local.OpenChunk(id)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }() // only read
		mentions, err := engram.ReadRows(c, words.Mentions)
		size.Add(c.Size())
		if err != nil {
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.mentions[id] = mentions
	})
}

// partsOf are the parts that the items are, zero ones where nothing is projected.
func (s *Diff) partsOf(items []Item) []recognition.Part {
	parts := make([]recognition.Part, len(items))
	for i, item := range items {
		for _, part := range s.Projected[item.Local].Parts {
			if part.ID == item.Remote {
				parts[i] = part
			}
		}
	}
	return parts
}

// oneByOne gives the order in which items would go one at a time: that of their times, but
// for what brings sessions that another needs, which a project server wants first. Where
// parts need each other, one of them goes first, and the server decides.
func oneByOne(items []Item, parts []recognition.Part) []int {
	byTime := make([]int, len(items))
	for i := range items {
		byTime[i] = i
	}
	slices.SortStableFunc(byTime, func(i, j int) int {
		a, b := items[i], items[j]
		return cmp.Or(a.Entry.Time().Compare(b.Entry.Time()), a.Local.Compare(b.Local))
	})
	providers := map[string][]int{}
	for _, i := range byTime {
		for _, session := range parts[i].Provides {
			providers[session] = append(providers[session], i)
		}
	}
	var order []int
	begun, there := make([]bool, len(items)), map[string]bool{}
	var visit func(i int)
	visit = func(i int) {
		if begun[i] {
			return
		}
		begun[i] = true
		for _, session := range parts[i].Needs {
			for _, from := range providers[session] {
				if there[session] {
					break
				}
				visit(from)
			}
		}
		order = append(order, i)
		for _, session := range parts[i].Provides {
			there[session] = true
		}
	}
	for _, i := range byTime {
		visit(i)
	}
	return order
}

// said is what the items so far say of a row: the last thing, the stage in which the last
// of them says so, and that behind which all of them have to be. Stages count from 1 here.
type said struct {
	says        uint64
	last, after int
}

func (s said) with(m words.Mention, stage int) said {
	if s.last > 0 && s.says == m.Says {
		s.last = max(s.last, stage+1)
		return s
	}
	return said{says: m.Says, last: stage + 1, after: s.last}
}

// rowStage is the first stage in which nothing comes before what it has to follow.
func rowStage(rows map[uint64]said, mentions []words.Mention) (stage int) {
	for _, m := range mentions {
		s := rows[m.Row]
		if s.says == m.Says {
			stage = max(stage, s.after)
		} else {
			stage = max(stage, s.last)
		}
	}
	return stage
}

func sessionStage(first map[string]int, needs []string) (stage int) {
	for _, session := range needs {
		if at, ok := first[session]; ok {
			stage = max(stage, at+1)
		}
	}
	return stage
}

// waits gives the failure for which an item is left to the next run: the other one says
// something else of one row, and would come behind it then.
func (a *arrival) waits(item Item) (f failure, waits bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.mentions[item.Local] {
		if f, ok := a.failed[m.Row]; ok && (f.mixed || f.says != m.Says) {
			return f, true
		}
	}
	return f, false
}

// fail says that an item did not go, for its own failure or that of another.
func (a *arrival) fail(item Item, f failure) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.mentions[item.Local] {
		f.says = m.Says
		first, ok := a.failed[m.Row]
		if !ok {
			first = f
		}
		first.mixed = first.mixed || first.says != m.Says
		a.failed[m.Row] = first
	}
}

// behind parts items from those that say something else of a row than some that go later,
// since an earlier run may have sent those: they go together, in their stages.
func (a *arrival) behind(late, items []Item) (free, behind []Item) {
	if len(late) == 0 {
		return items, nil
	}
	b := arrival{mentions: a.mentions, failed: map[uint64]failure{}}
	for _, item := range late {
		b.fail(item, failure{})
	}
	for _, item := range slices.SortedStableFunc(slices.Values(items), func(a, b Item) int { return cmp.Compare(a.Stage, b.Stage) }) {
		if _, waits := b.waits(item); waits {
			b.fail(item, failure{})
			behind = append(behind, item)
			continue
		}
		free = append(free, item)
	}
	return free, behind
}
