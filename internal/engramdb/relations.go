package engramdb

import (
	"context"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Since 1.16. Source: local-state.md 2.2, engram-2.md 3.
var relations = table{"memory_relations", []column{
	{"sync_id", text, false}, {"source_id", text, false}, {"target_id", text, false}, {"relation", text, false},
	{"reason", text, true}, {"evidence", text, true}, {"confidence", "REAL", true}, {"judgment_status", text, false},
	{"marked_by_actor", text, true}, {"marked_by_kind", text, true}, {"marked_by_model", text, true},
	{"session_id", text, true}, {"created_at", text, false}, {"updated_at", text, false},
}}

// Relations gives every relation to yield, as Sessions does, ordered by sync_id: none
// where engram keeps none yet. Their Project is "".
func (s *Snapshot) Relations(ctx context.Context, yield func(engram.Relation) error) error {
	columns, err := s.optional(ctx, relations)
	if err != nil {
		return fmt.Errorf("read engram's %s: %w", relations.name, err)
	}
	if columns == "" {
		return nil
	}
	return s.view.query(ctx, func(scan func(...any) error) error {
		var r engram.Relation
		err := scan(orZero(&r.SyncID), orZero(&r.SourceID), orZero(&r.TargetID), orZero(&r.Relation), &r.Reason, &r.Evidence,
			&r.Confidence, orZero(&r.Judgment), &r.Actor, &r.ActorKind, &r.Model, &r.SessionID, orZero(&r.CreatedAt), orZero(&r.UpdatedAt))
		if err != nil {
			return err
		}
		return yield(r)
	}, "SELECT "+columns+" FROM memory_relations ORDER BY sync_id")
}
