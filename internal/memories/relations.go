package memories

import (
	"cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/words"
)

// end is what is known of an observation that a relation names.
type end struct {
	project string // normalized
	text    string // as it is stored
	stored  bool   // whoever reads all chunks, and this export, has it
}

func (e *end) is(project, own, session string) {
	e.project, e.text = project, cmp.Or(own, session)
}

func (s *search) relation(r engram.Relation) {
	s.relations = append(s.relations, r)
	for _, id := range []string{r.SourceID, r.TargetID} {
		if s.ends[id] == nil {
			s.ends[id] = &end{}
		}
	}
}

// judgeRelations takes those that no chunk has as they are. One whose end a reader
// lacks stops 1.x from importing anything more, and one whose ends are of another
// project than it is set aside by later releases. Source: engram-2.md 2.3 and 7, rule 12.
func (s *search) judgeRelations() {
	for _, r := range s.relations {
		source, target := s.ends[r.SourceID], s.ends[r.TargetID]
		project := cmp.Or(source.project, target.project)
		if r.SyncID == "" || !s.scope.has(project) {
			continue
		}
		r.Project = source.text
		word := words.OfRelation(r)
		row := Row{Kind: engram.RelationRow, Project: project, Relation: &r, word: &word, odd: oddityOf(s.reasons.now, cmp.Or(r.UpdatedAt, r.CreatedAt))}
		said := s.found.words.on(row.word.RowVersion)
		row.Reason = s.reasons.row(r.CreatedAt, len(said) > 0)
		toWrite, _ := s.unheld(row, said)
		switch {
		case toWrite == nil:
			s.judge(row, said)
		case r.Orphaned():
			s.found.stays(project, StayHome{Orphaned: 1})
		case !source.stored || !target.stored || source.project != target.project:
			s.found.stays(project, StayHome{MissingEnds: 1})
		case s.scope.Choice.excludesRow(project, "relation", cmp.Or(r.UpdatedAt, r.CreatedAt)):
			s.found.stays(project, StayHome{Excluded: 1})
		default:
			s.take(row)
			s.used[engram.Text(r.SessionID)] = true // where it was judged goes with it, also if nothing else is of that session
		}
	}
}
