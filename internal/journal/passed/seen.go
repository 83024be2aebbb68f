package passed

import (
	"cmp"
	"iter"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Seen gives the refs of the rows that earlier runs are done with, ascending,
// and is read along with the journal.
type Seen struct {
	next   func() (engram.JournalRef, error, bool) // the log; nil if it need not be read
	Stop   func()                                  // ends the reading of the log
	head   *engram.JournalRef                      // read from the log, and not passed yet
	Recent []engram.JournalRef                     // those of the cursor that were not passed yet
}

// NewSeen reads the log too if it is given.
func NewSeen(log iter.Seq2[engram.JournalRef, error], recent []engram.JournalRef) *Seen {
	s := &Seen{Recent: slices.Clone(recent), Stop: func() {}}
	if log != nil {
		s.next, s.Stop = iter.Pull2(log)
	}
	return s
}

// Pass gives the refs below m to each, and says whether m is one of those
// seen. Calls go upwards.
func (s *Seen) Pass(m engram.JournalRef, each func(engram.JournalRef)) (bool, error) {
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

// Rest gives the rows that were not passed, the lowest of them at most, and says
// how many more there are.
func (s *Seen) Rest(most int) (refs []engram.JournalRef, more int, err error) {
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

// Conflict finds a row that is not what it was when it was seen, up to last.
// It looks at recent rows only, and passes nothing.
func (s *Seen) Conflict(rows []engram.JournalRef, last int64) (int64, bool) {
	for _, m := range rows {
		i, found := slices.BinarySearchFunc(s.Recent, m.Seq, compareSeq)
		if found && m.Seq <= last && s.Recent[i].Sum != m.Sum {
			return m.Seq, true
		}
	}
	return 0, false
}

// Below is how many of the recent rows that were not passed are not above seq.
func (s *Seen) Below(seq int64) int {
	n, _ := slices.BinarySearchFunc(s.Recent, seq+1, compareSeq)
	return n
}

func compareSeq(ref engram.JournalRef, seq int64) int { return cmp.Compare(ref.Seq, seq) }

// peek gives the lowest mark that was not passed.
func (s *Seen) peek() (low engram.JournalRef, ok bool, err error) {
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
	if len(s.Recent) > 0 {
		return s.Recent[0], true, nil
	}
	return engram.JournalRef{}, false, nil
}

func (s *Seen) drop() {
	if s.head != nil {
		s.head = nil
		return
	}
	s.Recent = s.Recent[1:]
}
