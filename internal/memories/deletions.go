package memories

import (
	"cmp"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowtime"
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
		word := words.OfDeletion(d)
		row := Row{Kind: d.Kind, Reason: Removed, word: &word}
		said := s.found.words.on(row.word.RowVersion)
		if said.gone() || rowtime.Later(said.newest(), row.word.Since) && row.word.Since != 0 {
			continue
		}
		project, known := s.projectOf(d, said)
		if row.Project = project; known && !s.scope.has(project) {
			continue
		}
		if home := s.deletionHome(d, known); home != (StayHome{}) {
			s.found.stays(project, home)
			continue
		}
		if d.Kind == engram.SessionRow && (s.kept[d.Key] || left[row.word.Session] > 0) {
			s.found.stays(row.Project, StayHome{Waiting: 1})
			continue
		}
		left[said.session()]--
		d.At = behind(d.At, row.word.Since, max(said.newest(), said.lastRemoved()))
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

// deletionHome says why a deletion stays home, whatever became of its session.
func (s *search) deletionHome(d engram.Deletion, placed bool) (home StayHome) {
	switch {
	case !placed:
		home.NoProject = 1
	case d.At == "" || oddityOf(s.reasons.now, d.At) != timely:
		home.OddTimes = 1
	}
	return home
}

// projectOf is the project of a deletion, or that of its session. 1.9.4 notes neither:
// then it is that of the row in the chunks. One that is of another project than the
// run's has no name here. known is false where nobody says. Source: local-state.md 2.3.
func (s *search) projectOf(d engram.Deletion, said said) (project string, known bool) {
	if project = engram.ProjectKey(engram.ProjectOf(d.Project, s.found.sessions[d.Session].Project)); project != "" || s.scope.Project == "" {
		return project, true
	}
	of := said.project()
	if session := said.session(); of == words.NoProject && session != [8]byte{} {
		of = s.found.words.projectOfSession(session)
	}
	if project = engram.ProjectKey(s.scope.Project); of == words.ProjectNamed(project) {
		return project, true
	}
	return "", of != words.NoProject
}

// behind is the time of a deletion, which has to be later than that of the row, or
// the row comes back, and than that of a deletion before which the row came, or it would
// be the very chunk that has that one. Source: engram-2.md 7, rule 9.
func behind(at string, since, row int64) string {
	if since > row {
		return at
	}
	return time.Unix(0, row+1).UTC().Format(rowtime.Nanos)
}
