package account

import (
	"slices"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// Depths inside an envelope: data is a member of it (1), the lists are members
// of data (2), the rows are elements of a list (3) and have members (4).
const (
	listDepth      = 2
	rowDepth       = 3
	rowMemberDepth = 4
)

// rowShape is which members a row of a reduced chunk has. All are strings.
type rowShape struct{ always, sometimes []string }

// reducedRows is what the reference client sends of each kind of row when it
// re-encodes a chunk for the wire. Source: account-server.md 3.1 and 3.6.
var reducedRows = map[string]rowShape{
	"sessions":     {[]string{"id", "project", "directory"}, []string{"started_at", "ended_at", "summary"}},
	"observations": {[]string{"session_id", "type", "title", "content"}, []string{"tool_name", "project", "scope", "topic_key"}},
	"prompts":      {[]string{"session_id", "content"}, []string{"project"}},
}

// shape watches the content of a chunk go by, and notices whatever a reduced
// chunk would not have.
type shape struct {
	other bool // something was seen that is not of the reduced shape
	rows  bool // there was at least one row
	list  string
	lists []string // those of ours that were met
	seen  []string // members of the row at hand
}

// event looks at one event inside data.
func (s *shape) event(event jsonscan.Event, scan *jsonscan.Scanner) {
	kind, row := scan.Kind(), reducedRows[s.list]
	switch depth := scan.Depth(); {
	case event == jsonscan.Key && depth == listDepth:
		s.list = string(scan.Key())
		_, ours := reducedRows[s.list]
		s.other = !ours || slices.Contains(s.lists, s.list)
		s.lists = append(s.lists, s.list)
	case event == jsonscan.Begin && depth == listDepth:
		s.other = kind != jsonscan.Array && kind != jsonscan.Null
	case event == jsonscan.Begin && depth == rowDepth:
		s.seen, s.rows = s.seen[:0], true
		s.other = kind != jsonscan.Object
	case event == jsonscan.End && depth == rowDepth:
		s.other = slices.ContainsFunc(row.always, func(name string) bool { return !slices.Contains(s.seen, name) })
	case event == jsonscan.Key && depth == rowMemberDepth:
		name := string(scan.Key())
		s.other = slices.Contains(s.seen, name) || !slices.Contains(row.always, name) && !slices.Contains(row.sometimes, name)
		s.seen = append(s.seen, name)
	case event == jsonscan.Begin && depth == rowMemberDepth:
		s.other = kind != jsonscan.String
	}
}

// reduced says whether the envelope and its content are exactly what the
// reference client makes of a chunk: whatever else doesn't fit its id is damage.
func (e *envelope) reduced() bool {
	want := []string{memberChunkID, memberCreatedBy, memberData}
	names := slices.Sorted(slices.Values(e.names))
	return e.sawData && !e.shape.other && e.shape.rows && slices.Equal(names, want)
}
