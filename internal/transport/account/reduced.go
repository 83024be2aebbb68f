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
	named string   // the member at hand
}

// event looks at one event inside data.
func (s *shape) event(event jsonscan.Event, scan *jsonscan.Scanner) {
	switch scan.Depth() {
	case listDepth:
		s.atList(event, scan)
	case rowDepth:
		s.atRow(event, scan)
	case rowMemberDepth:
		s.atMember(event, scan)
	}
}

func (s *shape) atList(event jsonscan.Event, scan *jsonscan.Scanner) {
	switch event {
	case jsonscan.Key:
		s.list = string(scan.Key())
		if _, ok := reducedRows[s.list]; !ok || slices.Contains(s.lists, s.list) {
			s.other = true
			return
		}
		s.lists = append(s.lists, s.list)
	case jsonscan.Begin:
		if kind := scan.Kind(); kind != jsonscan.Array && kind != jsonscan.Null {
			s.other = true
		}
	}
}

func (s *shape) atRow(event jsonscan.Event, scan *jsonscan.Scanner) {
	switch event {
	case jsonscan.Begin:
		s.seen, s.rows = s.seen[:0], true
		if scan.Kind() != jsonscan.Object {
			s.other = true
		}
	case jsonscan.End:
		for _, name := range reducedRows[s.list].always {
			if !slices.Contains(s.seen, name) {
				s.other = true
			}
		}
	}
}

func (s *shape) atMember(event jsonscan.Event, scan *jsonscan.Scanner) {
	want := reducedRows[s.list]
	switch event {
	case jsonscan.Key:
		s.named = string(scan.Key())
		if slices.Contains(s.seen, s.named) || !slices.Contains(want.always, s.named) && !slices.Contains(want.sometimes, s.named) {
			s.other = true
			return
		}
		s.seen = append(s.seen, s.named)
	case jsonscan.Begin:
		if scan.Kind() != jsonscan.String {
			s.other = true
		}
	}
}

// reduced says whether the envelope and its content are exactly what the
// reference client makes of a chunk: whatever else doesn't fit its id is damage.
func (e *envelope) reduced() bool {
	want := []string{memberChunkID, memberCreatedBy, memberData}
	names := slices.Sorted(slices.Values(e.names))
	return e.sawData && !e.shape.other && e.shape.rows && slices.Equal(names, want)
}
