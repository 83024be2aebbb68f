package journal

import (
	"cmp"
	"iter"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// seen gives the refs of the rows that earlier runs are done with, ascending,
// and is read along with the journal.
type seen struct {
	next   func() (engram.JournalRef, error, bool) // the log; nil if it need not be read
	stop   func()
	head   *engram.JournalRef // read from the log, and not passed yet
	recent []engram.JournalRef
}

// newSeen reads the log too if it is given.
func newSeen(log iter.Seq2[engram.JournalRef, error], recent []engram.JournalRef) *seen {
	s := &seen{recent: slices.Clone(recent), stop: func() {}}
	if log != nil {
		s.next, s.stop = iter.Pull2(log)
	}
	return s
}

// pass gives the refs below m to each, and says whether m is one of those
// seen. Calls go upwards.
func (s *seen) pass(m engram.JournalRef, each func(engram.JournalRef)) (bool, error) {
	for {
		low, ok, err := s.peek()
		if err != nil || !ok || low.Seq > m.Seq {
			return false, err
		}
		s.drop()
		if low.Seq == m.Seq {
			return low.Sum == m.Sum, nil
		}
		each(low)
	}
}

// rest gives the rows that were not passed, the lowest of them at most, and says
// how many more there are.
func (s *seen) rest(most int) (refs []engram.JournalRef, more int, err error) {
	for {
		low, ok, err := s.peek()
		if err != nil || !ok {
			return refs, more, err
		}
		s.drop()
		if len(refs) < most {
			refs = append(refs, low)
		} else {
			more++
		}
	}
}

// conflict finds a row that is not what it was when it was seen, up to last.
// It looks at recent rows only, and passes nothing.
func (s *seen) conflict(rows []engram.JournalRef, last int64) (int64, bool) {
	for _, m := range rows {
		i, found := slices.BinarySearchFunc(s.recent, m.Seq, compareSeq)
		if found && m.Seq <= last && s.recent[i].Sum != m.Sum {
			return m.Seq, true
		}
	}
	return 0, false
}

// below is how many of the recent rows that were not passed are not above seq.
func (s *seen) below(seq int64) int {
	n, _ := slices.BinarySearchFunc(s.recent, seq+1, compareSeq)
	return n
}

func compareSeq(ref engram.JournalRef, seq int64) int { return cmp.Compare(ref.Seq, seq) }

// peek gives the lowest mark that was not passed.
func (s *seen) peek() (low engram.JournalRef, ok bool, err error) {
	if s.head == nil && s.next != nil {
		m, err, ok := s.next()
		switch {
		case err != nil:
			return engram.JournalRef{}, false, err
		case ok:
			s.head = &m
		default:
			s.next = nil
		}
	}
	if s.head != nil {
		return *s.head, true, nil
	}
	if len(s.recent) > 0 {
		return s.recent[0], true, nil
	}
	return engram.JournalRef{}, false, nil
}

func (s *seen) drop() {
	if s.head != nil {
		s.head = nil
		return
	}
	s.recent = s.recent[1:]
}
