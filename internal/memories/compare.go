// Package memories finds what engram's database holds and no chunk does, and
// drafts chunks of it. The commands that export or warn call it, and put a database
// and a chunk directory behind its interfaces.
package memories

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Database is what engram's database holds at one moment. Rows come in the
// order of their integer ids, and sessions in any order.
type Database interface {
	Sessions(ctx context.Context, yield func(engram.Session) error) error
	Observations(ctx context.Context, yield func(engram.Observation) error) error
	Prompts(ctx context.Context, yield func(engram.Prompt) error) error
}

// Scope says which rows of a database a search is about.
type Scope struct {
	// Project is the name in any spelling; "" means all projects, and the rows
	// that have none.
	Project string
	// Personal includes observations of scope "personal". Otherwise they are
	// only counted.
	Personal bool
	// CountOnly leaves the contents of the rows out of the result.
	CountOnly bool
}

func (s Scope) has(project string) bool {
	return s.Project == "" || engram.NormalizeProject(s.Project) == project
}

// Row is a row of the database that no chunk holds as it is.
type Row struct {
	Kind    engram.RowKind
	Reason  Reason
	Project string // normalized; a row without one has that of its session
	// The row itself; nil for other kinds, and if only counting was asked for.
	Session     *engram.Session
	Observation *engram.Observation
	Prompt      *engram.Prompt

	version engram.RowVersion
}

// Unexported is what a search found.
type Unexported struct {
	Rows []Row
	Tallies

	sessions map[string]engram.Session // of the database, by id
}

// FindUnexported compares a database with what a set of chunks holds, by
// identity and content, never by time: engram's own export goes by time, and
// passes over rows for ever (local-state.md 1.5). Entries are those of the
// manifest, and serve only to tell the reasons; now likewise.
//
// A session counts if it has an end, a summary or rows: one that was just begun
// has nothing to lose. Where a database has several rows with one sync_id, as
// 1.9.4 makes them, each is looked at: of those that are in no chunk the newest counts,
// and older ones that say otherwise are kept apart.
func FindUnexported(ctx context.Context, m Database, versions *Versions, entries []engram.ChunkEntry, scope Scope, now time.Time) (*Unexported, error) {
	s := &search{
		versions: versions, scope: scope, reasons: reasons{newest: engram.NewestTime(entries), now: now}, used: map[string]bool{},
		found: Unexported{Tallies: Tallies{}, sessions: map[string]engram.Session{}},
	}
	err := m.Sessions(ctx, func(row engram.Session) error {
		s.found.sessions[row.ID] = row
		return nil
	})
	if err == nil {
		err = m.Observations(ctx, func(row engram.Observation) error { s.observation(row); return nil })
	}
	if err == nil {
		err = m.Prompts(ctx, func(row engram.Prompt) error { s.prompt(row); return nil })
	}
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(s.found.sessions)) {
		s.session(s.found.sessions[id])
	}
	s.finish()
	return &s.found, nil
}

// search is one FindUnexported.
type search struct {
	versions *Versions
	scope    Scope
	reasons  reasons
	used     map[string]bool // sessions that have rows
	found    Unexported
}

func (s *search) observation(o engram.Observation) {
	session := s.found.sessions[o.SessionID].Project
	row := Row{Observation: &o, Project: engram.ProjectOf(engram.Text(o.Project), session), version: o.Version(session)}
	if !s.scope.has(row.Project) {
		return
	}
	known := s.versions.of(row.version)
	if engram.IsPersonal(o.Scope) && !s.scope.Personal {
		if o.SyncID == "" || s.unheld(row, known) != nil {
			s.found.add(row.Project, Tally{Personal: 1})
		}
		return
	}
	row.Reason = s.reasons.observation(o, len(known) > 0)
	s.named(row, o.SyncID, o.SessionID, known)
}

func (s *search) prompt(p engram.Prompt) {
	session := s.found.sessions[p.SessionID].Project
	row := Row{Prompt: &p, Project: engram.ProjectOf(p.Project, session), version: p.Version(session)}
	if !s.scope.has(row.Project) {
		return
	}
	known := s.versions.of(row.version)
	row.Reason = s.reasons.row(p.CreatedAt, len(known) > 0)
	s.named(row, p.SyncID, p.SessionID, known)
}

// named judges a row of a session, if it has a name by which it can be found.
func (s *search) named(row Row, name, session string, known []engram.RowVersion) {
	if name == "" {
		s.found.add(row.Project, Tally{Unnamed: 1})
		return
	}
	s.used[session] = true
	s.judge(row, known)
}

func (s *search) session(row engram.Session) {
	project := engram.NormalizeProject(row.Project)
	empty := !s.used[row.ID] && engram.Text(row.EndedAt) == "" && engram.Text(row.Summary) == ""
	if row.ID == "" || empty || !s.scope.has(project) {
		return
	}
	v := row.Version()
	known := s.versions.of(v)
	s.judge(Row{Project: project, Session: &row, version: v, Reason: s.reasons.session(row, len(known) > 0)}, known)
}

// judge takes the row into the result unless known, the versions of it that are
// in chunks, make that needless.
func (s *search) judge(row Row, known []engram.RowVersion) {
	row.Kind = row.version.Kind
	unheld := s.unheld(row, known)
	if unheld == nil {
		s.found.add(row.Project, Tally{InChunks: 1})
		return
	}
	if s.scope.CountOnly {
		unheld.Session, unheld.Observation, unheld.Prompt = nil, nil, nil
	}
	s.found.Rows = append(s.found.Rows, *unheld)
}

// unheld is what has to be written of a row so that nothing is left behind, nil if
// nothing has. A text that somebody changed later, where no chunk ever had ours, is
// an edit that conflicts with theirs: the clocks say who was later, not who is
// right, so both stay.
func (s *search) unheld(row Row, known []engram.RowVersion) *Row {
	later, told := superseded(known, row.version)
	switch {
	case holds(known, row.version), later && (told || !row.hasText()):
		return nil
	case later:
		return s.apart(row)
	}
	return &row
}

// hasText says whether somebody could miss the row if a later version of it is
// kept: a deletion or the time of an end nobody does.
func (r Row) hasText() bool {
	return r.Session == nil && r.Reason != Deleted || r.Session != nil && engram.Text(r.Session.Summary) != ""
}

// apart is an observation under an identity of its own: under its own one it would
// take the place of the later version wherever it is imported. nil if a chunk has
// that copy. A session has no other identity. Source: local-state.md 1.4.
func (s *search) apart(row Row) *Row {
	if row.version.Kind != engram.ObservationRow {
		return &row
	}
	row.Reason = Conflict
	var id string
	id, row.version = row.version.Apart()
	if row.Observation != nil {
		own := *row.Observation
		own.SyncID, row.Observation = id, &own
	}
	if len(s.versions.of(row.version)) > 0 {
		return nil
	}
	return &row
}

// finish keeps what a newer row of the same name says otherwise apart, and counts.
func (s *search) finish() {
	rows := s.found.Rows
	slices.SortStableFunc(rows, func(a, b Row) int { return a.version.Compare(b.version) })
	rows = slices.CompactFunc(rows, func(a, b Row) bool { return a.version == b.version })
	var kept []Row
	for i, row := range rows {
		if supersededAmong(rows[i+1:], row) {
			if row.Reason == Deleted || row.Kind != engram.ObservationRow {
				continue
			}
			own := s.apart(row)
			if own == nil {
				s.found.add(row.Project, Tally{InChunks: 1})
				continue
			}
			row = *own
		}
		kept = append(kept, row)
		s.found.add(row.Project, row.tally())
	}
	s.found.Rows = kept
}

// supersededAmong looks at the rows behind one of them, in the order of Compare.
func supersededAmong(later []Row, row Row) bool {
	for _, other := range later {
		if !other.version.SameRow(row.version) {
			return false
		}
		if other.version.Supersedes(row.version) {
			return true
		}
	}
	return false
}

// Reason says why a row is in no chunk: which rule of engram's own export, which
// goes by time, passes over it. Source: local-state.md 1.5.
type Reason string

// The reasons.
const (
	// New: engram's next export can take it.
	New Reason = "new"
	// Older: it was made before the newest manifest entry was, by whomever.
	Older Reason = "older"
	// SameSecond: it was made in the second of the newest manifest entry.
	SameSecond Reason = "same_second"
	// FutureEntry: the newest manifest entry says a time that has not come yet.
	FutureEntry Reason = "future_entry"
	// Edited: chunks hold other text of it.
	Edited Reason = "edit"
	// Conflict: chunks hold a later edit of it, and none ever held this one. It is
	// kept as an observation of its own.
	Conflict Reason = "conflict"
	// Deleted: it was soft-deleted here.
	Deleted Reason = "delete"
	// Ended: chunks hold the session without this end and summary.
	Ended Reason = "session_end"
)

// reasons tells reasons by the newest entry of a manifest.
type reasons struct {
	newest time.Time // zero if there are no entries
	now    time.Time
}

func (r reasons) observation(o engram.Observation, known bool) Reason {
	if engram.Text(o.DeletedAt) != "" {
		return Deleted
	}
	return r.row(o.CreatedAt, known)
}

func (r reasons) session(s engram.Session, known bool) Reason {
	if known {
		return Ended
	}
	return r.row(s.StartedAt, false)
}

// row judges a row by when it was made.
func (r reasons) row(made string, known bool) Reason {
	if known {
		return Edited
	}
	second := engram.RowTime(made)
	switch {
	case r.newest.IsZero() || second.After(r.newest.Truncate(time.Second)) && !r.newest.After(r.now):
		return New
	case r.newest.After(r.now):
		return FutureEntry
	case second.Equal(r.newest.Truncate(time.Second)):
		return SameSecond
	}
	return Older
}
