package engram

import (
	"cmp"
	"strconv"
)

// Relation is what engram's agents think of two observations: the payload of a
// mutation in a chunk, with its members in engram's order. A database keeps no
// project with it: that is the one of its ends. Source: engram-2.md 2.2.
type Relation struct {
	SyncID     string   `json:"sync_id"`
	SourceID   string   `json:"source_id"`
	TargetID   string   `json:"target_id"`
	Relation   string   `json:"relation"`
	Reason     *string  `json:"reason,omitempty"`
	Evidence   *string  `json:"evidence,omitempty"`
	Confidence *float64 `json:"confidence,omitempty"`
	Judgment   string   `json:"judgment_status"`
	Actor      *string  `json:"marked_by_actor,omitempty"`
	ActorKind  *string  `json:"marked_by_kind,omitempty"`
	Model      *string  `json:"marked_by_model,omitempty"`
	SessionID  *string  `json:"session_id,omitempty"`
	Project    string   `json:"project"`
	CreatedAt  string   `json:"created_at"`
	UpdatedAt  string   `json:"updated_at"`
}

// Orphaned says that an end was deleted for good: engram sends such relations to
// nobody. Source: engram-2.md 2.4.
func (r Relation) Orphaned() bool { return r.Judgment == "orphaned" }

// Word is what a chunk with this relation says. Where it was judged is left out:
// importers need not keep that.
func (r Relation) Word() Word {
	confidence := ""
	if r.Confidence != nil {
		confidence = strconv.FormatFloat(*r.Confidence, 'g', -1, 64)
	}
	at := instant(cmp.Or(r.UpdatedAt, r.CreatedAt))
	return Word{Since: at, RowVersion: RowVersion{
		Kind: RelationRow, Row: hashOf(r.SyncID), Updated: at,
		Content: hashOf(r.SourceID, r.TargetID, r.Relation, Text(r.Reason), Text(r.Evidence), confidence,
			r.Judgment, Text(r.Actor), Text(r.ActorKind), Text(r.Model)),
	}}
}

// Deletion is what a database still knows of a row that it has no more.
type Deletion struct {
	Kind    RowKind
	Key     string // the sync_id, for a session the id
	Session string // that the row belonged to; "" where nobody noted it
	Project string // likewise
	At      string // as stored
}

// Word is what a chunk with this deletion says.
func (d Deletion) Word() Word {
	if d.Kind == SessionRow {
		d.Session = d.Key
	}
	return Word{
		RowVersion: RowVersion{Kind: d.Kind, Row: hashOf(d.Key)}, Says: Removed,
		Since: instant(d.At), Session: sessionOf(d.Session),
	}
}
