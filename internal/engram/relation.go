package engram

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

// Deletion is what a database still knows of a row that it has no more.
type Deletion struct {
	Kind    RowKind
	Key     string // the sync_id, for a session the id
	Session string // that the row belonged to; "" where nobody noted it
	Project string // likewise
	At      string // as stored
}

// KindOf is the kind of row that a mutation's entity is; 0 for others.
func KindOf(entity string) RowKind {
	switch entity {
	case "session", "observation", "prompt", "relation":
		return RowKind(entity[0])
	}
	return 0
}

// Entity is what mutations call a kind of row.
func (k RowKind) Entity() string {
	for _, entity := range knownEntities {
		if k == KindOf(entity) {
			return entity
		}
	}
	return ""
}
