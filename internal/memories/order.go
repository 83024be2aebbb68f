package memories

import (
	"cmp"
	"slices"
	"strings"
)

// sort puts rows of one session together, oldest session first, those without a
// directory at the end, and mutations behind all: it says where those begin.
func (d *drafter) sort(rows []*Row) (mutations int) {
	plain, behind := rows[:0], []*Row(nil)
	for _, row := range rows {
		if row.isMutation() {
			behind = append(behind, row)
		} else {
			plain = append(plain, row)
		}
	}
	slices.SortStableFunc(behind, compareMutations)
	copy(rows[len(plain):], behind)
	keys := d.sortKeys(plain)
	arrangeBy(plain, func(a, b int32) int { return keys[a].compare(keys[b]) })
	return len(plain)
}

// arrange sorts rows, and leaves equal ones in their order. It compares half as often as a
// stable sort does.
func arrange(rows []*Row, compare func(a, b *Row) int) {
	arrangeBy(rows, func(a, b int32) int { return compare(rows[a], rows[b]) })
}

// arrangeBy is arrange by the places where the rows stood.
func arrangeBy(rows []*Row, compare func(a, b int32) int) {
	places := make([]int32, len(rows))
	for i := range places {
		places[i] = int32(i)
	}
	slices.SortFunc(places, func(a, b int32) int {
		if order := compare(a, b); order != 0 {
			return order
		}
		return cmp.Compare(a, b)
	})
	stood := slices.Clone(rows)
	for i, place := range places {
		rows[i] = stood[place]
	}
}

// sortKey is all that the order of rows depends on: many are compared many times, and what
// they say of their sessions is looked up once.
type sortKey struct {
	session int32 // the turn of its session
	kind    int32 // the session itself, observations, prompts
	number  int64
}

func (k sortKey) compare(other sortKey) int {
	switch {
	case k.session != other.session:
		return cmp.Compare(k.session, other.session)
	case k.kind != other.kind:
		return cmp.Compare(k.kind, other.kind)
	}
	return cmp.Compare(k.number, other.number)
}

// sortKeys are the keys of rows.
func (d *drafter) sortKeys(rows []*Row) []sortKey {
	keys := make([]sortKey, len(rows))
	var sessions []sessionTurn
	known := map[string]int32{}
	for i, row := range rows {
		// A session that is a row itself may say otherwise than the database does.
		turn, ok := known[row.session]
		if !ok || row.Session != nil {
			s := d.sessionOf(row)
			turn = int32(len(sessions))
			sessions = append(sessions, sessionTurn{alone: len(d.alone(s)), started: s.StartedAt, id: s.ID})
		}
		if row.Session == nil {
			known[row.session] = turn
		}
		keys[i] = sortKey{session: turn, kind: int32(strings.IndexByte("sop", byte(row.Kind))), number: row.number}
	}
	turns := turnsOf(sessions)
	for i := range keys {
		keys[i].session = turns[keys[i].session]
	}
	return keys
}

// sessionTurn is what the turn of a session depends on.
type sessionTurn struct {
	alone       int // behind all others, if it is not 0
	started, id string
}

func (s sessionTurn) compare(other sessionTurn) int {
	return cmp.Or(cmp.Compare(s.alone, other.alone), cmp.Compare(s.started, other.started), cmp.Compare(s.id, other.id))
}

// turnsOf is the turn of each session; equal ones have the same.
func turnsOf(sessions []sessionTurn) []int32 {
	order := make([]int32, len(sessions))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return sessions[a].compare(sessions[b]) })
	turns := make([]int32, len(sessions))
	for i, of := range order {
		if i > 0 {
			turns[of] = turns[order[i-1]]
			if sessions[of] != sessions[order[i-1]] {
				turns[of]++
			}
		}
	}
	return turns
}
