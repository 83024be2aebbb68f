package memories

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// mutations makes chunks of relations and, behind them, deletions, which stand in the
// order of compareMutations. Merges put entries in order by time, so each is later than
// what comes before it.
func (d *drafter) mutations(rows []*Row, at time.Time) error {
	var list []engram.ChunkMutation
	from, size := 0, int64(0)
	finish := func(to int) error {
		at = at.Add(time.Microsecond)
		d.entry.CreatedAt = engram.FormatTime(at)
		text, err := engram.EncodeChunk(engram.ChunkRows{Mutations: list})
		if err != nil {
			return err
		}
		draft := Draft{Rows: rows[from:to], Entry: d.entry}
		list, from, size = nil, to, 0
		return d.give(draft, text)
	}
	for i, row := range rows {
		m, err := mutationOf(row)
		if err != nil {
			return err
		}
		if d.from.generation != engram.Gen1 {
			m.Disposition = new(string)
		}
		n, err := encodedSize(m)
		if err != nil {
			return err
		}
		if size+n > d.max && i > from {
			if err := finish(i); err != nil {
				return err
			}
		}
		list, size = append(list, m), size+n
	}
	if len(list) == 0 {
		return nil
	}
	return finish(len(rows))
}

// compareMutations puts relations before deletions, and leaves these in the order of the search.
func compareMutations(a, b *Row) int {
	order := func(r *Row) int {
		if r.Relation != nil {
			return -1
		}
		return deletionOrder(r.Kind)
	}
	if a.Relation != nil && b.Relation != nil {
		return cmp.Compare(a.Relation.SyncID, b.Relation.SyncID)
	}
	return cmp.Compare(order(a), order(b))
}

// mutationOf is a row as engram's own local export has it.
// Source: engram-2.md 2.2, and 7, rules 9, 13 and 16.
func mutationOf(row *Row) (engram.ChunkMutation, error) {
	m := engram.ChunkMutation{Entity: row.Kind.Entity(), Op: "upsert"}
	var payload any
	if r := row.Relation; r != nil {
		m.EntityKey, m.Project, m.OccurredAt, payload = r.SyncID, r.Project, cmp.Or(r.UpdatedAt, r.CreatedAt), r
	} else {
		del := row.Deletion
		m.Op, m.EntityKey, m.Project, m.OccurredAt = "delete", del.Key, cmp.Or(del.Project, row.Project), del.At
		payload = deletionPayload(*del, m.Project)
	}
	text, err := json.Marshal(payload)
	m.Payload = string(text)
	return m, err
}

// deletionPayload has the members that engram always writes, and those that delete.
func deletionPayload(d engram.Deletion, project string) any {
	type deleted struct {
		Deleted    bool   `json:"deleted"`
		DeletedAt  string `json:"deleted_at"`
		HardDelete bool   `json:"hard_delete"`
	}
	end := deleted{true, d.At, true}
	switch d.Kind {
	case engram.SessionRow:
		return struct {
			ID      string `json:"id"`
			Project string `json:"project"`
			deleted
		}{d.Key, project, end}
	case engram.PromptRow:
		return struct {
			SyncID    string `json:"sync_id"`
			SessionID string `json:"session_id"`
			Content   string `json:"content"`
			Project   string `json:"project"`
			deleted
		}{d.Key, d.Session, "", project, end}
	}
	return struct {
		SyncID         string `json:"sync_id"`
		SessionID      string `json:"session_id"`
		Type           string `json:"type"`
		Title          string `json:"title"`
		Content        string `json:"content"`
		Project        string `json:"project"`
		Scope          string `json:"scope"`
		RevisionCount  int    `json:"revision_count"`
		DuplicateCount int    `json:"duplicate_count"`
		deleted
	}{SyncID: d.Key, SessionID: d.Session, Project: project, deleted: end}
}
