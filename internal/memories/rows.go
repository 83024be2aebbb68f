package memories

import (
	"cmp"
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/words"
)

// Row is a row of the database that no chunk holds as it is, or one that chunks
// hold and that was deleted there.
type Row struct {
	Kind    engram.RowKind
	odd     oddity // what is wrong with the time of its last change
	Reason  Reason
	Project string // normalized; a row without one has that of its session
	// The row itself; nil for other kinds, and if only counting was asked for. Of those
	// that can be many, Load has it.
	Session     *engram.Session
	Observation *engram.Observation
	Prompt      *engram.Prompt
	Relation    *engram.Relation
	Deletion    *engram.Deletion // with Removed

	word    *words.Word // nil when the search is over, as nobody asks for it any more
	number  int64       // the integer id of an observation or a prompt
	session string      // that it belongs to
	text    span
}

// Unexported is what a search found. It has to be closed, unless it only counted.
type Unexported struct {
	Rows []*Row
	// Held are those that TakenOut counts.
	Held []HeldRow
	Tallies

	sessions   map[string]engram.Session // of the database, by id
	begun      map[string]string         // the sessions that it lacks, with the time of their first row
	words      *Words
	generation engram.Generation
	contents   contents
}

// Close forgets the contents of the rows.
func (u *Unexported) Close() error { return u.contents.close() }

// Load gives a row with its contents.
func (u *Unexported) Load(of *Row) (Row, error) {
	row := *of
	if row.text.size == 0 {
		return row, nil
	}
	text, err := u.contents.append(nil, row.text)
	if err != nil {
		return row, err
	}
	if row.Kind == engram.ObservationRow {
		err = json.Unmarshal(text, &row.Observation)
	} else {
		err = json.Unmarshal(text, &row.Prompt)
	}
	return row, err
}

// take takes a row into the result, and its contents into a place where they are in
// nobody's way.
func (s *search) take(row Row) {
	if s.scope.CountOnly {
		row.Session, row.Relation, row.Deletion = nil, nil, nil
	} else {
		s.keep(&row)
	}
	row.Observation, row.Prompt = nil, nil
	s.found.Rows = append(s.found.Rows, &row)
}

func (s *search) keep(row *Row) {
	var err error
	made := ""
	switch {
	case row.Observation != nil:
		row.number, row.session, made = row.Observation.ID, row.Observation.SessionID, row.Observation.CreatedAt
		row.text, err = s.found.contents.add(stamped(*row.Observation))
	case row.Prompt != nil:
		row.number, row.session, made = row.Prompt.ID, row.Prompt.SessionID, row.Prompt.CreatedAt
		row.text, err = s.found.contents.add(row.Prompt)
	default:
		return
	}
	s.err = cmp.Or(s.err, err)
	if known, here := s.found.sessions[row.session]; here {
		row.session = known.ID // one text for all
	} else if first, before := s.found.begun[row.session]; !before || made < first {
		s.found.begun[row.session] = made
	}
}
