package readers

// moment is a time of a row; not ok where nobody can read it.
type moment struct {
	sec   int64
	nano  int32
	whole bool // it may be any moment of its second. Source: engram-2.md 7, rule 20.
	ok    bool
}

// after says whether m is a later instant, a whole second being its beginning, as for engram.
func (m moment) after(other moment) bool {
	return m.ok && other.ok && (m.sec > other.sec || m.sec == other.sec && m.nano > other.nano)
}

// surelyBefore says whether m is earlier, whatever whole seconds leave open.
func (m moment) surelyBefore(other moment) bool {
	if m.sec == other.sec && (m.whole || other.whole) {
		return false
	}
	return other.after(m)
}

// word is what one change says of its row: where it stands. The zero word is none.
type word struct {
	chunk int32 // of the directory, from 1
	op    int32 // of the chunk
}

func (w word) said() bool { return w.chunk > 0 }

// of is the change that a word stands for.
func (r *reader) of(w word) *op { return &r.d.Chunks[w.chunk-1].Chunk.ops[w.op] }

// outdoes says whether w, which came later, is the newer word on a row.
func (r *reader) outdoes(w, before word) bool {
	if !before.said() {
		return true
	}
	later, earlier := r.of(w), r.of(before)
	switch {
	case earlier.deletes && !later.deletes:
		return later.at.after(earlier.at)
	case earlier.deletes && later.deletes:
		return !earlier.at.after(later.at)
	}
	return !later.at.surelyBefore(earlier.at)
}

// spoken is what was said of a row: last has the last word, best the newest, and stone
// the deletion that left a tombstone.
type spoken struct{ last, best, stone word }

func (r *reader) hear(s *spoken, w word) {
	if r.outdoes(w, s.best) {
		s.best = w
	}
	s.last = w
}

// isStale says whether a tombstone stands in the way of an upsert whose time can be read.
func (r *reader) isStale(s spoken, at moment) bool {
	return s.stone.said() && at.ok && r.of(s.stone).at.ok && !at.after(r.of(s.stone).at)
}

// table is rows by identity that can be taken back to how they were before a chunk.
type table[V any] struct {
	rows map[hash]V
	log  []former[V]
}

type former[V any] struct {
	key hash
	row V
	had bool
}

func (t *table[V]) set(key hash, row V) {
	if t.rows == nil {
		t.rows = map[hash]V{}
	}
	was, had := t.rows[key]
	t.log = append(t.log, former[V]{key, was, had})
	t.rows[key] = row
}

func (t *table[V]) end(good bool) {
	for i := len(t.log) - 1; i >= 0 && !good; i-- {
		if f := t.log[i]; f.had {
			t.rows[f.key] = f.row
		} else {
			delete(t.rows, f.key)
		}
	}
	t.log = t.log[:0]
}
