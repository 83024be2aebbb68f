package memories

import (
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowtime"
	"github.com/engram-sync/engram-sync/internal/words"
)

// unheld is what has to be written of a row so that nothing is left behind, nil if
// nothing has. A text that somebody changed later, where no chunk ever had ours, is
// an edit that conflicts with theirs: the clocks say who was later, not who is
// right, so both stay. What cannot stay beside theirs stays home.
func (s *search) unheld(row Row, said said) (toWrite *Row, home StayHome) {
	toWrite, home = s.unsaid(row, said)
	if toWrite != nil && s.found.words.hasTaken(row) {
		return nil, StayHome{TakenOut: 1}
	}
	return toWrite, home
}

// unsaid is unheld, whatever was taken out of chunks that are not here any more.
func (s *search) unsaid(row Row, said said) (toWrite *Row, home StayHome) {
	if len(said) == 0 {
		return &row, home
	}
	told, exactly := said.tell(*row.word)
	switch last := said.last(); {
	case last.Tells(*row.word):
		return nil, home
	case s.found.words.retold[last] && row.word.Says == words.Alive && !row.word.Supersedes(last.RowVersion):
		// What was taken out of a chunk still stands in engram.db, and would come back.
		return nil, StayHome{TakenOut: 1}
	case row.odd != timely:
		return s.unheldOdd(row, told)
	case last.Says == words.Removed, last.Says == words.Deleted && last.Content == engram.RowHash{}:
		if row.word.Says == words.Deleted || !revived(*row.word, last, told) {
			return nil, outdated(!told && row.hasText())
		}
	case exactly:
		// An older version came behind ours, and would win wherever all are imported.
		if !row.word.Supersedes(last.RowVersion) {
			return nil, home
		}
	case said.supersede(*row.word):
		if told || !row.hasText() {
			return nil, home
		}
		if row.word.Kind != engram.ObservationRow {
			return nil, outdated(true)
		}
		return s.apart(row), home
	}
	if exactly {
		return again(row, said), home
	}
	return &row, home
}

// again is a row that chunks have as it is, but not at their end. As it was it would make
// the very chunk that it is in, which stands where it stands. So a time that no
// comparison looks at says that this is later.
func again(row Row, said said) *Row {
	var last int64
	for _, w := range said {
		if w.Tells(*row.word) && w.Revision == row.word.Revision {
			last = max(last, w.Since)
		}
	}
	if last == 0 {
		return &row
	}
	at := time.Unix(0, last+1).UTC().Format(rowtime.Nanos)
	switch {
	case row.Observation != nil:
		own := *row.Observation
		own.UpdatedAt, row.Observation = at, &own
	case row.Prompt != nil:
		own := *row.Prompt
		own.CreatedAt, row.Prompt = at, &own
	case row.Session != nil:
		own := *row.Session
		own.StartedAt, row.Session = at, &own
	case row.Relation != nil:
		own := *row.Relation
		own.UpdatedAt, row.Relation = at, &own
	}
	return &row
}

// unheldOdd is unheld for a change that would win against everybody's, or of which
// nobody can tell whether it should. What has a time to come waits for it.
func (s *search) unheldOdd(row Row, told bool) (toWrite *Row, home StayHome) {
	switch {
	case told:
		return nil, home
	case row.odd == undated && row.word.Kind == engram.ObservationRow && row.hasText():
		return s.apart(row), home
	}
	return nil, StayHome{OddTimes: 1}
}

func outdated(is bool) (home StayHome) {
	if is {
		home.Superseded = 1
	}
	return home
}

// oddity is what is wrong with the time of a change.
type oddity byte

const (
	timely  oddity = iota
	ahead          // it has not come yet
	undated        // it cannot be read
)

// oddityOf judges the times of one change, the latest of which counts; "" is no time.
func oddityOf(now time.Time, times ...string) oddity {
	worst := timely
	for _, t := range times {
		switch at := rowtime.Instant(t); {
		case t == "":
		case at > now.UnixNano():
			return ahead
		case at == 0:
			worst = undated
		}
	}
	return worst
}

// revived says whether a row has come back to life since a chunk said that it was
// deleted. If chunks had it before, the deletion was about what they had. If not, and
// it may have been written in the very second of the deletion, it stays: it would be lost.
// What is older is written nowhere any more. Source: engram-2.md 2.3 and 7, rule 11.
func revived(row, deletion words.Word, told bool) bool {
	if told {
		return rowtime.Later(row.Since, deletion.Since)
	}
	return !rowtime.Later(deletion.Since, row.Since) && deletion.Since != row.Since
}

// hasText says whether somebody could miss the row if a later version of it is
// kept: a deletion or the time of an end nobody does.
func (r Row) hasText() bool {
	if r.Session != nil {
		return engram.Text(r.Session.Summary) != ""
	}
	return r.word.Says == words.Alive
}

// apart is an observation under an identity of its own: under its own one it would
// take the place of the later version wherever it is imported. nil if a chunk has
// that copy. Source: local-state.md 1.4.
func (s *search) apart(row Row) *Row {
	row.Reason = Conflict
	word, id := *row.word, ""
	id, word.RowVersion = word.Apart()
	row.word = &word
	if row.Observation != nil {
		own := *row.Observation
		own.SyncID, row.Observation = id, &own
	}
	if len(s.found.words.on(row.word.RowVersion)) > 0 {
		return nil
	}
	return &row
}
