package memories

import (
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// TakenOut says whether a row still has a text, whole and as it was, that somebody took out of a chunk. texts is
// called only for rows of which something was.
type TakenOut func(row string, texts func() []string) bool

// HoldBack keeps what has such a text out of new chunks.
func (h *Words) HoldBack(taken TakenOut) { h.taken = taken }

// HeldRow is a row that stays home, since its text was taken out of the chunk that has it.
type HeldRow struct {
	Kind engram.RowKind
	ID   string
}

// heldRow names the row.
func (r Row) heldRow() HeldRow {
	id, _ := r.content()
	return HeldRow{r.word.Kind, id}
}

// hasTaken says whether the row has text that was taken out, whenever it was changed since.
func (h *Words) hasTaken(row Row) bool {
	id, content := row.content()
	return h.taken != nil && content != nil && h.taken(id, func() []string { return textsOf(content) })
}

// withoutTaken is a session that only comes along with its rows, without what was taken out: its end and its
// directory are as chunks have them.
func (h *Words) withoutTaken(s engram.Session) engram.Session {
	if h == nil || !h.hasTaken(Row{Session: &s}) {
		return s
	}
	s.EndedAt, s.Summary = nil, nil
	if h.hasTaken(Row{Session: &s}) {
		s.Directory = ""
	}
	return s
}

// content is what a chunk would have of the row, nil if only that it was deleted, and the id by which chunks know it.
func (r Row) content() (id string, content any) {
	switch {
	case r.Observation != nil:
		return r.Observation.SyncID, r.Observation
	case r.Prompt != nil:
		return r.Prompt.SyncID, r.Prompt
	case r.Session != nil:
		return r.Session.ID, r.Session
	case r.Relation != nil:
		return r.Relation.SyncID, r.Relation
	}
	return "", nil
}

// textsOf are the texts of a row, as a chunk has them.
func textsOf(row any) (texts []string) {
	var members map[string]any
	if text, err := json.Marshal(row); err != nil || json.Unmarshal(text, &members) != nil {
		return nil
	}
	for _, m := range members {
		if text, ok := m.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
