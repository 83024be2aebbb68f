// Package memories finds what engram's database holds and no chunk does, and
// drafts chunks of it. The commands that export or warn call it, and put a database
// and a chunk directory behind its interfaces.
package memories

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/words"
)

// Database is what engram's database holds at one moment. Rows come in the
// order of their integer ids, and sessions in any order.
type Database interface {
	Sessions(ctx context.Context, yield func(engram.Session) error) error
	Observations(ctx context.Context, yield func(engram.Observation) error) error
	Prompts(ctx context.Context, yield func(engram.Prompt) error) error
	Relations(ctx context.Context, yield func(engram.Relation) error) error
	// Deletions gives each row once that the database is known to have deleted, and
	// that is not there any more.
	Deletions(ctx context.Context, yield func(engram.Deletion) error) error
}

// Scope says which rows of a database a search is about.
type Scope struct {
	// Project is the name in any spelling; "" means all projects, and the rows
	// that have none or, by their scope, belong to no single one.
	Project string
	// Personal includes observations of scope "personal". Otherwise they are
	// only counted.
	Personal bool
	// Choice is what the user does not want in chunks.
	Choice Choice
	// Generation is that of the engram which keeps the database: chunks are written as it
	// writes them.
	Generation engram.Generation
	// CountOnly leaves the contents of the rows out of the result.
	CountOnly bool
}

func (s Scope) has(project string) bool {
	return s.Project == "" || engram.ProjectKey(s.Project) == project
}

// home says why an observation of such a scope stays home; zero if it does not. Only
// what is of scope project goes into a project's chunks. Source: engram-2.md 7, rule 19.
func (s Scope) home(scope string) StayHome {
	switch {
	case engram.IsPersonal(scope) && !s.Personal:
		return StayHome{Personal: 1}
	case engram.IsPersonal(scope), s.Project == "", scope == "", strings.EqualFold(strings.TrimSpace(scope), "project"):
		return StayHome{}
	}
	return StayHome{Global: 1}
}

// FindUnexported compares a database with what a set of chunks says, by
// identity and content, never by time: engram's own export goes by time, and
// passes over rows for ever (local-state.md 1.5). Entries are those of the
// manifest, and serve only to tell the reasons; now likewise.
//
// A session counts if it has an end, a summary or rows: one that was just begun
// has nothing to lose. Where a database has several rows with one sync_id, as
// 1.9.4 makes them, each is looked at: of those that are in no chunk the newest counts,
// and older ones that say otherwise are kept apart.
func FindUnexported(ctx context.Context, m Database, words *Words, entries []engram.ChunkEntry, scope Scope, now time.Time) (*Unexported, error) {
	s := &search{
		scope: scope, reasons: reasons{newest: engram.NewestTime(entries), now: now},
		used: map[string]bool{}, kept: map[string]bool{}, ends: map[string]*end{},
		found: Unexported{Tallies: Tallies{}, sessions: map[string]engram.Session{}, begun: map[string]string{}, words: words, generation: scope.Generation},
	}
	read := []func() error{
		func() error {
			return m.Sessions(ctx, func(row engram.Session) error {
				s.found.sessions[row.ID] = scope.Choice.placed(row)
				return nil
			})
		},
		// Before the observations, which can be many: of those only the ends are noted.
		func() error { return m.Relations(ctx, func(row engram.Relation) error { s.relation(row); return nil }) },
		func() error {
			return m.Observations(ctx, func(row engram.Observation) error { s.observation(row); return nil })
		},
		func() error { return m.Prompts(ctx, func(row engram.Prompt) error { s.prompt(row); return nil }) },
		func() error {
			return m.Deletions(ctx, func(d engram.Deletion) error { s.deletions = append(s.deletions, d); return nil })
		},
	}
	for _, read := range read {
		if err := cmp.Or(read(), s.err); err != nil {
			return nil, errors.Join(err, s.found.Close())
		}
	}
	s.judgeRelations()
	for _, id := range slices.Sorted(maps.Keys(s.found.sessions)) {
		s.session(s.found.sessions[id])
	}
	s.finish()
	s.judgeDeletions()
	if s.err != nil {
		return nil, errors.Join(s.err, s.found.Close())
	}
	for _, row := range s.found.Rows {
		row.word = nil
	}
	return &s.found, nil
}

// search is one FindUnexported.
type search struct {
	scope     Scope
	reasons   reasons
	used      map[string]bool // sessions that have rows which may go
	kept      map[string]bool // sessions that have any rows
	relations []engram.Relation
	ends      map[string]*end // of the relations
	deletions []engram.Deletion
	found     Unexported
	err       error // of keeping the rows' contents
}

func (s *search) observation(o engram.Observation) {
	s.kept[o.SessionID] = true
	session := s.found.sessions[o.SessionID].Project
	word := words.OfObservation(o, session)
	row := Row{Observation: &o, Project: engram.ProjectKey(engram.ProjectOf(engram.Text(o.Project), session)), word: &word}
	end := s.ends[o.SyncID]
	if end != nil {
		end.is(row.Project, engram.Text(o.Project), session)
	}
	if !s.scope.has(row.Project) {
		return
	}
	said := s.found.words.on(row.word.RowVersion)
	home := s.scope.home(o.Scope)
	if home == (StayHome{}) && s.scope.Choice.excludes(o, row.Project, len(said) > 0) {
		home.Excluded = 1
	}
	if home != (StayHome{}) {
		if toWrite, _ := s.unheld(row, said); o.SyncID == "" || toWrite != nil {
			s.found.stays(row.Project, home)
		}
		if end != nil && home.Excluded > 0 { // which is about this export, and not about what chunks have
			end.stored = end.stored || said.stored()
		}
		return
	}
	row.Reason, row.odd = s.reasons.observation(o, len(said) > 0), oddityOf(s.reasons.now, o.UpdatedAt, engram.Text(o.DeletedAt))
	taken := s.named(row, o.SyncID, o.SessionID, said)
	if end != nil {
		end.stored = end.stored || said.stored() || taken && row.word.Says == words.Alive
	}
}

func (s *search) prompt(p engram.Prompt) {
	s.kept[p.SessionID] = true
	session := s.found.sessions[p.SessionID].Project
	word := words.OfPrompt(p, session)
	row := Row{Prompt: &p, Project: engram.ProjectKey(engram.ProjectOf(p.Project, session)), word: &word}
	if !s.scope.has(row.Project) {
		return
	}
	said := s.found.words.on(row.word.RowVersion)
	if choice := s.scope.Choice; choice.NoPrompts || choice.excludesRow(row.Project, "prompt", p.CreatedAt) {
		if toWrite, _ := s.unheld(row, said); toWrite != nil {
			s.found.stays(row.Project, StayHome{Excluded: 1})
		}
		return
	}
	row.Reason = s.reasons.row(p.CreatedAt, len(said) > 0)
	s.named(row, p.SyncID, p.SessionID, said)
}

// named judges a row of a session, if it has a name by which it can be found.
func (s *search) named(row Row, name, session string, said said) (taken bool) {
	if name == "" {
		s.found.add(row.Project, Tally{Unnamed: 1})
		return false
	}
	s.used[session] = true
	return s.judge(row, said)
}

func (s *search) session(row engram.Session) {
	project := engram.ProjectKey(row.Project)
	w := words.OfSession(row)
	if row.ID == "" || w.Bare && !s.used[row.ID] || !s.scope.has(project) {
		return
	}
	said := s.found.words.on(w.RowVersion)
	found := Row{Project: project, Session: &row, word: &w, Reason: s.reasons.session(row, len(said) > 0), odd: oddityOf(s.reasons.now, engram.Text(row.EndedAt))}
	if !s.used[row.ID] && s.scope.Choice.excludesRow(project, "session", cmp.Or(engram.Text(row.EndedAt), row.StartedAt)) {
		if toWrite, _ := s.unheld(found, said); toWrite != nil {
			s.found.stays(project, StayHome{Excluded: 1})
		}
		return
	}
	if toWrite, _ := s.unheld(found, said); toWrite != nil && !w.Placed && said.placed() {
		// Without the directory, 1.x would forget it. Source: engram-2.md 7, rule 15.
		var err error
		row.Directory, err = s.found.words.directory(w.RowVersion)
		s.err = cmp.Or(s.err, err)
		if row.Directory == "" {
			s.found.stays(project, StayHome{NoDirectory: 1})
			return
		}
	}
	s.judge(found, said)
}

// judge takes the row into the result unless what chunks say of it makes that needless.
func (s *search) judge(row Row, said said) (taken bool) {
	row.Kind = row.word.Kind
	toWrite, home := s.unheld(row, said)
	switch {
	case toWrite != nil:
		s.take(*toWrite)
	case home != StayHome{}:
		s.found.stays(row.Project, home)
		if home.TakenOut > 0 {
			s.found.Held = append(s.found.Held, row.heldRow())
		}
	default:
		s.found.add(row.Project, Tally{InChunks: 1})
	}
	return toWrite != nil
}

// finish keeps what a newer row of the same name says otherwise apart, and counts.
func (s *search) finish() {
	rows := s.found.Rows
	arrange(rows, func(a, b *Row) int { return a.word.Compare(&b.word.RowVersion) })
	rows = slices.CompactFunc(rows, func(a, b *Row) bool { return a.word.RowVersion == b.word.RowVersion })
	kept := rows[:0]
	for i, row := range rows {
		if supersededAmong(rows[i+1:], row) {
			if row.Reason == Deleted || row.Kind != engram.ObservationRow {
				continue
			}
			own := s.twinApart(row)
			if own == nil {
				s.found.add(row.Project, Tally{InChunks: 1})
				continue
			}
			row = own
		}
		kept = append(kept, row)
		s.found.add(row.Project, row.tally())
	}
	s.found.Rows = kept
}

// twinApart is apart for a row that was taken.
func (s *search) twinApart(twin *Row) *Row {
	row, err := s.found.Load(twin)
	s.err = cmp.Or(s.err, err)
	own := s.apart(row)
	if own != nil && own.Observation != nil {
		s.keep(own)
		own.Observation = nil
	}
	return own
}

// supersededAmong looks at the rows behind one of them, in the order of Compare.
func supersededAmong(later []*Row, row *Row) bool {
	for _, other := range later {
		if !other.word.SameRow(row.word.RowVersion) {
			return false
		}
		if other.word.Supersedes(row.word.RowVersion) {
			return true
		}
	}
	return false
}
