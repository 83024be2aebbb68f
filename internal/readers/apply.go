package readers

import (
	"iter"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// apply applies the changes of a chunk, and gives those that stall it.
// Source: engram-2.md 2.3, 10.
func (r *reader) apply(at int32) (stalls []event) {
	ops := r.d.Chunks[at].Chunk.ops
	for _, i := range r.order(ops) {
		one := ops[i]
		w := word{at + 1, i}
		if why, field := r.one(one, w); why != None {
			stalls = append(stalls, event{w, field, why, Stalls})
		}
	}
	return stalls
}

// happens notes what is told of a change if its chunk is applied.
func (r *reader) happens(w word, field string, p Problem, e Effect) {
	r.events = append(r.events, event{w, field, p, e})
}

// one applies one change, or says why it stalls its chunk.
func (r *reader) one(one op, w word) (why Problem, field string) {
	if (one.entity == observation || one.entity == prompt) && !one.deletes && !one.overruled {
		r.invent(one, w)
	}
	switch {
	case one.overruled:
		if row := r.memories.rows[one.key]; one.entity == observation && r.outdoes(w, row.best) {
			row.best = w // nobody hears it, and it may be newer
			r.memories.set(one.key, row)
		}
		return None, ""
	case one.lone:
		r.happens(w, "id", LoneSession, Drops)
		return None, ""
	case one.stalled.of(r.g):
		return one.stalled.problem(), one.stalled.field()
	case r.g >= engram.Gen2 && one.otherKey:
		r.happens(w, "entity_key", OtherKey, Drops)
		return None, ""
	case one.entity == relation && one.deletes && r.g >= engram.Gen2:
		r.happens(w, "op", RelationDelete, Drops)
		return None, ""
	case one.entity == relation && one.deletes:
		return RelationDelete, "op"
	}
	if one.foreign {
		r.happens(w, "disposition", PutAside, Applies)
	}
	switch one.entity {
	case session:
		return r.session(one, w)
	case observation:
		return r.observation(one, w)
	case prompt:
		return r.prompt(one, w)
	}
	return r.relate(w)
}

// absent is why a session is not there; None if it is.
func (r *reader) absent(key hash) Problem {
	switch s := r.sessions.rows[key]; {
	case s.here:
		return None
	case s.best.said() && r.of(s.best).deletes:
		return Gone
	}
	return Waits
}

// invent makes the session of a memory where no chunk has it.
func (r *reader) invent(one op, w word) {
	row := r.sessions.rows[one.session]
	if row.here || r.listed[one.session] || one.stalled.of(r.g) || r.isStale(row.spoken, moment{ok: true}) { // it begins in 1970
		return
	}
	r.happens(w, "session_id", NoSession, Invents)
	row.here, row.directory, row.project = true, true, one.project
	r.sessions.set(one.session, row)
}

func (r *reader) session(one op, w word) (Problem, string) {
	row := r.sessions.rows[one.key]
	switch {
	case one.deletes && row.observations > 0:
		return InUse, "op"
	case one.deletes:
		row.here, row.directory, row.erased = false, false, word{}
		if row.stone = (word{}); r.g >= engram.Gen2 {
			row.stone = w
		}
		r.hear(&row.spoken, w)
		r.sessions.set(one.key, row)
		return None, ""
	case r.isStale(row.spoken, one.at):
		return None, "" // stale
	}
	row.stone = word{}
	if !row.here {
		row.directory, row.erased = false, word{}
	}
	switch {
	case !one.blankDir:
		row.directory, row.erased = true, word{}
	case r.g < engram.Gen2 && row.directory:
		row.directory, row.erased = false, w
	}
	if !row.here || !row.owned || r.g < engram.Gen2 {
		row.project = one.project
	}
	row.owned = row.here && row.owned || one.owned
	row.here = true
	r.hear(&row.spoken, w)
	r.sessions.set(one.key, row)
	return None, ""
}

func (r *reader) observation(one op, w word) (Problem, string) {
	row := r.memories.rows[one.key]
	switch {
	case one.deletes && one.hard:
		r.belongs(row, -1)
		row.here = false
		if row.stone = (word{}); r.g >= engram.Gen2 {
			row.stone = w
		}
		r.hear(&row.spoken, w)
		r.memories.set(one.key, row)
		return None, ""
	case one.deletes:
		r.hear(&row.spoken, w)
		r.memories.set(one.key, row)
		return None, ""
	case r.isStale(row.spoken, one.at):
		return None, "" // stale
	}
	if why := r.absent(one.session); why != None {
		return why, "session_id"
	}
	if one.noReview && r.g >= engram.Gen3 && !row.here {
		return NoReviewTime, "created_at"
	}
	if one.alive {
		r.happens(w, "payload", SaysDeleted, Returns)
	}
	if one.nameless && row.here {
		r.happens(w, "sync_id", Nameless, Merges)
	}
	r.belongs(row, -1)
	row.here, row.stone, row.session, row.project = true, word{}, one.session, one.project
	r.belongs(row, 1)
	r.hear(&row.spoken, w)
	r.memories.set(one.key, row)
	return None, ""
}

// belongs counts an observation for its session, or out of it.
func (r *reader) belongs(row memoryRow, n int32) {
	if row.here {
		s := r.sessions.rows[row.session]
		s.observations += n
		r.sessions.set(row.session, s)
	}
}

func (r *reader) prompt(one op, w word) (Problem, string) {
	row := r.prompts.rows[one.key]
	switch {
	case one.deletes:
		row.here, row.stone = false, w
		r.hear(&row.spoken, w)
		r.prompts.set(one.key, row)
		return None, ""
	case row.stone.said() && !one.at.after(r.of(row.stone).at):
		return None, "" // stale
	}
	if why := r.absent(one.session); why != None {
		return why, "session_id"
	}
	if holder, taken := r.inbox.rows[one.target]; taken && one.target != 0 && r.g >= engram.Gen3 && holder != one.key && r.holds(holder, one.target) {
		return InboxTwice, "source_inbox_id"
	}
	if one.nameless && row.here {
		r.happens(w, "sync_id", Nameless, Merges)
	}
	if one.target != 0 {
		r.inbox.set(one.target, one.key)
	}
	row.here, row.stone, row.session, row.inbox = true, word{}, one.session, one.target
	r.hear(&row.spoken, w)
	r.prompts.set(one.key, row)
	return None, ""
}

// holds says whether a prompt is there, and has a place in the inbox.
func (r *reader) holds(key, place hash) bool {
	row := r.prompts.rows[key]
	return row.here && row.inbox == place && r.sessions.rows[row.session].here
}

// relate stores a relation if both of its ends are there.
func (r *reader) relate(w word) (Problem, string) {
	why, field := r.unfit(w)
	if why != None && r.g >= engram.Gen2 {
		r.happens(w, field, why, Aside)
		return None, ""
	}
	return why, field
}

// unfit is why a relation cannot be stored, and which end it is.
func (r *reader) unfit(w word) (Problem, string) {
	one := r.of(w)
	for field, end := range one.ends() {
		switch m := r.memories.rows[end]; {
		case m.here && r.projectFits(one, m):
			continue
		case m.here:
			return ForeignEnd, field
		case m.best.said() && r.of(m.best).deletes:
			return Deleted, field
		case !r.named[end]:
			return NoEnd, field
		case r.brings(w.chunk-1, row{observation, end}):
			return EndTooLate, field
		}
		return Waits, field
	}
	return None, ""
}

// ends are the ends of a relation, by the members that name them.
func (one *op) ends() iter.Seq2[string, hash] {
	return func(yield func(string, hash) bool) {
		_ = yield("source_id", one.session) && yield("target_id", one.target)
	}
}

// projectFits says whether a memory is of the relation's project, as 2.x wants it.
func (r *reader) projectFits(one *op, row memoryRow) bool {
	project := row.project
	if project == noText {
		project = r.sessions.rows[row.session].project
	}
	return r.g < engram.Gen2 || one.project == noText || project == one.project
}

// row is one of a kind.
type row struct {
	entity entity
	key    hash
}

// brings says whether a chunk has an upsert of a row, be it good or bad.
func (r *reader) brings(chunk int32, of row) bool {
	if r.upserts == nil || r.upsertsOf != chunk { // it is asked for many rows of one chunk
		r.upserts, r.upsertsOf = map[row]bool{}, chunk
		for _, one := range r.d.Chunks[chunk].Chunk.ops {
			if !one.deletes && !one.overruled && !one.lone {
				r.upserts[row{one.entity, one.key}] = true
			}
		}
	}
	return r.upserts[of]
}
