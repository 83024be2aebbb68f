package canon

import (
	"encoding/json"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// mutationRow has the members of a row of "mutations" that the server keeps.
// Source: project-server.md 3.3.
type mutationRow struct {
	Seq        int64   `json:"seq"`
	TargetKey  string  `json:"target_key"`
	Entity     string  `json:"entity"`
	EntityKey  string  `json:"entity_key"`
	Op         string  `json:"op"`
	Payload    string  `json:"payload"`
	Source     string  `json:"source"`
	Project    string  `json:"project"`
	OccurredAt string  `json:"occurred_at"`
	AckedAt    *string `json:"acked_at"`
}

// mutation gives a row of "mutations" its canonical form, or refuses it (nil).
func (w *writer) mutation(index int, row map[string]any) map[string]any {
	row["project"] = w.project
	m, problem := readMutation(row)
	if problem == nil {
		var p payload
		if p, problem = m.normalize(w.project); problem == nil {
			if w.checks != nil {
				w.checks.mutation(index, m, p)
			}
			if w.forPush || namedExactly(row) {
				w.learn(m, p)
			}
			return m.members()
		}
	}
	w.refuse("mutations", index, problem.Field, problem.Reason)
	return nil
}

// readMutation reads a row as the server does: through its JSON text, in which
// members stand in the order of their names. So of names that differ only in
// case the last in that order wins, and seq is what the double's digits say (A5, A11).
func readMutation(row map[string]any) (mutationRow, *RowError) {
	var m mutationRow
	var enc encoder
	if err := enc.value(row, 2); err != nil {
		return m, &RowError{Reason: TooDeep}
	}
	if err := json.Unmarshal(enc.out, &m); err != nil {
		return m, wrongType(err)
	}
	return m, nil
}

// normalize puts the payload into its form, and entity, op and key in order (A1, A2).
func (m *mutationRow) normalize(project string) (payload, *RowError) {
	m.Project = project
	m.Entity, m.Op = strings.TrimSpace(m.Entity), strings.TrimSpace(m.Op)
	p, problem := readPayload(m.Entity, m.Op, m.Payload)
	if problem != nil {
		return nil, problem
	}
	if field := p.normalize(m.Op == opUpsert, project); field != "" {
		return nil, &RowError{Field: field, Reason: Blank}
	}
	if m.EntityKey = strings.TrimSpace(m.EntityKey); m.EntityKey == "" {
		m.EntityKey = p.key()
	}
	if m.EntityKey != p.key() {
		return nil, &RowError{Field: "entity_key", Reason: KeyDiffers}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, &RowError{Reason: BadPayload}
	}
	m.Payload = string(text)
	return p, nil
}

func (m *mutationRow) members() map[string]any {
	members := map[string]any{
		"seq": m.Seq, "target_key": m.TargetKey, "entity": m.Entity, "entity_key": m.EntityKey,
		"op": m.Op, "payload": m.Payload, "source": m.Source, "project": m.Project,
		"occurred_at": m.OccurredAt,
	}
	if m.AckedAt != nil {
		members["acked_at"] = *m.AckedAt
	}
	return members
}

// namedExactly says whether the server looks at a row when it asks which sessions
// are named: it does so before it reads the rows, by the exact names of their
// members. (This is why coercing a pulled chunk can change its id, A7: in there
// all names are exact.)
func namedExactly(row map[string]any) bool {
	for _, name := range []string{"entity", "op", "payload"} {
		if _, ok := row[name].(string); !ok {
			return false
		}
	}
	return true
}

// learn remembers which session a mutation names: a session's own, upsert or
// delete, and what an upsert of an observation or prompt belongs to (A6).
func (w *writer) learn(m mutationRow, p payload) {
	switch {
	case m.Entity == entitySession:
		w.named[p.key()] = true
	case m.Op == opUpsert && p.session() != "":
		w.named[p.session()] = true
	}
}

// CheckMutation says why a project server would refuse a mutation that is pushed to
// the journal, which it checks like one of a chunk: nil is no reason known. Source:
// project-server.md 4.1.
func CheckMutation(e engram.MutationEntry, project string) *RowError {
	m := mutationRow{Entity: e.Entity, EntityKey: e.EntityKey, Op: e.Op, Payload: string(e.Payload)}
	_, problem := m.normalize(project)
	return problem
}
