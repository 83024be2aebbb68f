package projection

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// fill gives rows what a server demands and they lack.
func (s *selection) fill() {
	for i := range s.rows[listSessions] {
		s.fillField(listSessions, i, "directory", "unknown")
	}
	for i := range s.rows[listObservations] {
		s.fillField(listObservations, i, "type", "manual")
		s.fillField(listObservations, i, "scope", "project")
		s.fillField(listObservations, i, "title", firstLine(textOf(s.rows[listObservations][i].text, "content")))
	}
}

func textOf(row json.RawMessage, field string) string {
	var members map[string]json.RawMessage
	var text string
	if json.Unmarshal(row, &members) != nil || json.Unmarshal(members[field], &text) != nil {
		return ""
	}
	return text
}

// fillField sets a member that is missing, null or blank.
func (s *selection) fillField(list string, i int, field, value string) {
	r := &s.rows[list][i]
	var members map[string]json.RawMessage
	if value == "" || json.Unmarshal(r.text, &members) != nil {
		return
	}
	var old *string
	if text, ok := members[field]; ok && json.Unmarshal(text, &old) != nil {
		return // of a wrong type: that is no blank
	}
	if old != nil && strings.TrimSpace(*old) != "" {
		return
	}
	r.set(field, value)
	s.filled = append(s.filled, engram.RowNote{List: list, Index: r.index, Field: field, Reason: fmt.Sprintf("filled with %q", value)})
}

// set gives a member of the row another value. A row that is no object stays as it is.
func (r *row) set(field, value string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.text, &members) != nil || members == nil {
		return
	}
	members[field], _ = json.Marshal(value) // a string
	if text, err := json.Marshal(members); err == nil {
		r.text = text
	}
}

// maxTitle is how long a title that is taken from the content gets, in runes.
const maxTitle = 80

func firstLine(content string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(content), "\n")
	line = strings.TrimSpace(line)
	if utf8.RuneCountInString(line) > maxTitle {
		line = string([]rune(line)[:maxTitle-1]) + "…"
	}
	return line
}
