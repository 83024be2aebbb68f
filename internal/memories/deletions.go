package memories

import (
	"cmp"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/words"
)

// judgeDeletions takes the deletions of rows that chunks still have, observations
// and prompts before sessions. What changed in a chunk after it was deleted here was
// brought back to life by somebody, and the next import brings it back here.
func (s *search) judgeDeletions() {
	slices.SortStableFunc(s.deletions, func(a, b engram.Deletion) int {
		return cmp.Or(cmp.Compare(deletionOrder(a.Kind), deletionOrder(b.Kind)), cmp.Compare(a.At, b.At), cmp.Compare(a.Key, b.Key))
	})
	left := s.leftOfSessions()
	for _, d := range s.deletions {
		row := Row{Kind: d.Kind, Reason: Removed, Project: s.projectOf(d), word: words.OfDeletion(d)}
		said := s.found.words.on(row.word.RowVersion)
		if !s.scope.has(row.Project) || said.gone() || engram.Later(said.newest(), row.word.Since) && row.word.Since != 0 {
			continue
		}
		if d.Kind == engram.SessionRow && (s.kept[d.Key] || left[row.word.Session] > 0) {
			s.found.stays(row.Project, StayHome{Waiting: 1})
			continue
		}
		left[said.session()]--
		d.At = behind(d.At, row.word.Since, said.newest(), s.reasons.now)
		row.Deletion = &d
		s.take(row)
		s.found.add(row.Project, row.tally())
	}
}

// leftOfSessions counts what chunks have of each deleted session. A reader cannot delete
// a session that still has an observation, and would lose its prompts.
// Source: engram-2.md 2.3 and 7, rule 17.
func (s *search) leftOfSessions() map[[8]byte]int {
	left := map[[8]byte]int{}
	for _, d := range s.deletions {
		if d.Kind == engram.SessionRow {
			left[words.OfDeletion(d).Session] = 0
		}
	}
	words := s.found.words
	for first := 0; first < len(words.words) && len(left) > 0; {
		said := words.run(first, words.words[first].RowVersion)
		first += len(said)
		session := said.session()
		if _, deleted := left[session]; deleted && said[0].Kind != engram.SessionRow && !said.gone() {
			left[session]++
		}
	}
	return left
}

// deletionOrder is that in which engram deletes. Source: engram-2.md 2.3 and 2.4.
func deletionOrder(k engram.RowKind) int {
	return slices.Index([]engram.RowKind{engram.ObservationRow, engram.PromptRow, engram.SessionRow}, k)
}

// projectOf is the project of a deletion, or that of its session. 1.9.4 notes neither;
// then it counts for the project of the run, which the chunks that have the row are
// taken to be of. Source: local-state.md 2.3.
func (s *search) projectOf(d engram.Deletion) string {
	return engram.ProjectKey(cmp.Or(engram.ProjectOf(d.Project, s.found.sessions[d.Session].Project), s.scope.Project))
}

// behind is the time of a deletion, which has to be later than that of the row, or
// the row comes back. Source: engram-2.md 7, rule 9.
func behind(at string, since, row int64, now time.Time) string {
	switch {
	case since > row:
		return at
	case row == 0:
		return now.UTC().Format(engram.RowTimeNanos)
	}
	return time.Unix(0, row+1).UTC().Format(engram.RowTimeNanos)
}
