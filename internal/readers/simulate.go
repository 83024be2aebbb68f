package readers

import (
	"cmp"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// reader is one that has imported nothing yet.
type reader struct {
	g    engram.Generation
	d    Directory
	note func(engram.Generation, engram.ChunkID, *engram.RowNote, Problem, Effect)

	pending []int32       // chunks that are to be applied
	listed  map[hash]bool // sessions of all chunks that can be read
	named   map[hash]bool // memories of them
	owned   bool          // a chunk has a session that belongs to its project

	sessions table[sessionRow]
	memories table[memoryRow]
	prompts  table[promptRow]
	inbox    table[hash]    // places in it, and the prompts that have them
	events   []event        // of the chunk that is being applied
	waiting  map[hash]event // relations that were set aside

	upserts   map[row]bool // of the chunk upsertsOf
	upsertsOf int32
}

type sessionRow struct {
	spoken
	here, owned, directory bool // directory: it has a concrete one
	erased                 word // which said that it has none
	observations           int32
	project                hash
}

type memoryRow struct {
	spoken
	here    bool // also when it is softly deleted
	session hash
	project hash
}

type promptRow struct {
	spoken
	here    bool
	session hash
	inbox   hash
}

// event is something that is told if the chunk is applied.
type event struct {
	word
	field   string
	problem Problem
	effect  Effect
}

func newReader(g engram.Generation, d Directory, note func(engram.Generation, engram.ChunkID, *engram.RowNote, Problem, Effect)) *reader {
	return &reader{g: g, d: d, note: note, listed: map[hash]bool{}, waiting: map[hash]event{}}
}

// refusals finds what ends the whole import, and what is left to apply.
// Source: engram-2.md 2.3, 1 and 2, 10.
func (r *reader) refusals() {
	known := map[engram.ChunkID]bool{}
	lowered := r.g >= engram.Gen2 && r.d.Version < 2
	for i, l := range r.d.Chunks {
		switch {
		case known[l.ID]:
			continue
		case l.Chunk == nil && l.Broken:
			r.note(r.g, l.ID, nil, BrokenChunk, Refuses)
		case l.Chunk == nil:
			r.note(r.g, l.ID, nil, MissingChunk, Skips)
		default:
			l.Chunk.settle()
			if r.fit(i, lowered) {
				r.pending = append(r.pending, int32(i))
			}
		}
		known[l.ID] = true
	}
	if lowered && !r.owned {
		r.note(r.g, engram.ChunkID{}, nil, LowVersion, Refuses)
	}
	memories := 0
	for _, at := range r.pending {
		memories += r.d.Chunks[at].Chunk.Memories
	}
	r.named, r.memories.rows = make(map[hash]bool, memories), make(map[hash]memoryRow, memories)
	for _, at := range r.pending {
		for _, one := range r.d.Chunks[at].Chunk.ops {
			switch {
			case one.deletes || one.overruled:
			case one.entity == session:
				r.listed[one.named] = true
			case one.entity == observation:
				r.named[one.key] = true
			}
		}
	}
}

// fit says whether nothing in a chunk ends the import.
func (r *reader) fit(at int, lowered bool) bool {
	good := true
	for i, one := range r.d.Chunks[at].Chunk.ops {
		w := word{int32(at) + 1, int32(i)}
		undecodable := one.entity <= prompt && one.stalled == undecodable
		switch {
		case one.refused.of(r.g):
			r.tellOf(w, one.refused.field(), one.refused.problem(), Refuses)
			good = false
		case one.lone || one.overruled:
		case lowered && undecodable:
			r.tell(w, one.stalled.field(), Undecodable, Refuses)
			good = false
		case lowered && one.owned:
			r.owned = true
			r.tell(w, "ownership_mode", Owned, Refuses)
		}
	}
	return good
}

func (r *reader) tell(w word, field string, p Problem, e Effect) {
	one := r.of(w)
	if one.list == mutations && !slices.Contains([]string{"entity", "entity_key", "op", "payload", "disposition"}, field) {
		field = "payload." + field
	}
	r.tellOf(w, field, p, e)
}

// tellOf is tell about a member of the row itself, also of a mutation.
func (r *reader) tellOf(w word, field string, p Problem, e Effect) {
	one := r.of(w)
	r.note(r.g, r.d.Chunks[w.chunk-1].ID, &engram.RowNote{List: Lists[one.list], Index: int(one.index), Field: field}, p, e)
}

// How many changes are applied in all, failed tries included: some more for each that
// there is, and for small directories enough. Chunks that need each other in a long row,
// backwards, take the square of their number.
const (
	triesOfEach = 20
	triesOfAny  = 1 << 18
)

// passes applies chunks until no further one can be, or until it has been tried enough:
// what is left then is told to stall. Source: engram-2.md 2.3, 5.
func (r *reader) passes() {
	left := triesOfAny
	for _, at := range r.pending {
		left += triesOfEach * len(r.d.Chunks[at].Chunk.ops)
	}
	for progress := true; progress; {
		progress = false
		r.pending = slices.DeleteFunc(r.pending, func(at int32) bool {
			if left -= len(r.d.Chunks[at].Chunk.ops); left < 0 {
				return false
			}
			good := len(r.apply(at)) == 0
			progress = progress || good
			r.end(good)
			return good
		})
		maps.DeleteFunc(r.waiting, func(_ hash, e event) bool { why, _ := r.unfit(e.word); return why == None })
	}
	for _, at := range r.pending {
		for _, e := range r.apply(at) {
			if e.problem != Waits || !r.brings(at, row{session, r.of(e.word).session}) { // the session itself is told
				r.tellEvent(e)
			}
		}
		r.end(false)
	}
	for _, e := range r.waiting {
		e.problem, e.field = r.unfit(e.word)
		r.tellEvent(e)
	}
}

func (r *reader) tellEvent(e event) { r.tell(e.word, e.field, e.problem, e.effect) }

// end keeps what was applied, or takes it back.
func (r *reader) end(good bool) {
	r.sessions.end(good)
	r.memories.end(good)
	r.prompts.end(good)
	r.inbox.end(good)
	for _, e := range r.events {
		switch {
		case !good:
		case e.effect == Aside:
			r.waiting[r.of(e.word).key] = e
		default:
			r.tellEvent(e)
		}
	}
	r.events = nil
}

// order is the order in which the changes of a chunk are applied.
// Source: engram-2.md 2.3, 4.
func (r *reader) order(ops []op) []int32 {
	rank := func(one *op) int {
		switch {
		case one.entity == session && !one.deletes:
			return 1
		case one.entity == relation && !one.deletes && r.g >= engram.Gen2:
			return 3
		case !one.deletes:
			return 2
		case one.entity != session:
			return 4
		}
		return 5
	}
	early := r.early(ops)
	order := make([]int32, len(ops))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		if early[a] != early[b] {
			if early[a] {
				return -1
			}
			return 1
		}
		return cmp.Compare(rank(&ops[a]), rank(&ops[b]))
	})
	return order
}

// early are the session deletes that keep their place before an upsert, and the
// deletes before those. Source: engram-2.md 2.3, 4: only 3.x.
func (r *reader) early(ops []op) map[int32]bool {
	early, last := map[int32]bool{}, map[hash]int{}
	if r.g < engram.Gen3 {
		return early
	}
	for i, one := range ops {
		if one.entity == session && !one.deletes {
			last[one.named] = i
		}
	}
	found := false
	for i := len(ops) - 1; i >= 0; i-- {
		one := ops[i]
		switch {
		case one.entity == session && one.deletes && last[one.named] > i:
			early[int32(i)], found = true, true
		case found && one.deletes && one.entity != session:
			early[int32(i)] = true
		}
	}
	return early
}

// aftermath tells where the last word on a row is not its newest one.
func (r *reader) aftermath() {
	wrong := func(s spoken, same bool) {
		if same || s.last == s.best || !s.last.said() || r.of(s.last).nameless {
			return
		}
		last, best := r.of(s.last), r.of(s.best)
		switch {
		case best.deletes && !last.deletes:
			r.tell(s.last, idOf[last.entity], Deleted, Returns)
		case last.deletes && !best.deletes:
			r.tell(s.last, idOf[last.entity], OlderDelete, Loses)
		case last.entity == observation && last.content != best.content && !last.deletes:
			r.tell(s.last, idOf[last.entity], Older, Replaces)
		}
	}
	for _, s := range r.sessions.rows {
		wrong(s.spoken, !s.best.said() || s.here == !r.of(s.best).deletes)
		if s.here && !s.directory && s.erased.said() {
			r.tell(s.erased, "directory", Erased, Erases)
		}
	}
	for _, row := range r.memories.rows {
		wrong(row.spoken, false)
	}
	for _, row := range r.prompts.rows {
		wrong(row.spoken, !row.best.said() || row.here == !r.of(row.best).deletes)
	}
}
