package canon

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// mutationRow has the members of a row of "mutations" that servers keep.
// Source: project-server.md 3.3, engram-2.md 2.2.
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

	Disposition         loose `json:"disposition"`
	DispositionReason   loose `json:"disposition_reason"`
	DispositionEvidence loose `json:"disposition_evidence"`
	DispositionAt       loose `json:"disposition_at"`
}

// mutation gives the row of "mutations" that is open, and begins at start, its canonical
// form. It says whether that is written: else the row is refused.
func (w *writer) mutation(index, start int) bool {
	exact := w.namedExactly()
	w.enc.add("project", w.project)
	w.enc.close(0, start)
	m, problem := w.readMutation(w.enc.out[start:])
	var p payload
	if problem == nil {
		p, problem = m.normalize(w.form, w.project)
	}
	if problem != nil {
		w.refuse("mutations", index, problem.Field, problem.Reason)
		return false
	}
	w.enc.out = w.enc.out[:start]
	m.write(&w.enc, w.form)
	if w.checks != nil {
		w.checks.mutation(index, m, p, jsonscan.HoldsNul(w.enc.out[start:]))
	}
	if w.forPush || exact {
		w.learn(m, p)
	}
	return true
}

// readMutation reads a row as the server does: from its canonical text, in which
// members stand in the order of their names. So of names that differ only in
// case the last in that order wins, and seq is what the double's digits say (A5, A11).
func (w *writer) readMutation(text []byte) (mutationRow, *RowError) {
	var m mutationRow
	if w.enc.tooDeep {
		w.enc.tooDeep = false
		return m, &RowError{Reason: TooDeep}
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, wrongType(err)
	}
	return m, nil
}

// normalize puts the payload into its form, and entity, op and key in order (A1, A2).
func (m *mutationRow) normalize(f *Form, project string) (payload, *RowError) {
	m.Project = project
	if field := m.dispose(f); field != "" {
		return nil, &RowError{Field: field, Reason: WrongType}
	}
	m.Entity, m.Op = strings.TrimSpace(m.Entity), strings.TrimSpace(m.Op)
	p, problem := readPayload(m.Entity, m.Op, m.Payload)
	if problem != nil {
		return nil, problem
	}
	if problem = p.normalize(f, m.Op == opUpsert, project); problem != nil {
		return nil, problem
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

// dispose drops the dispositions that a form does not keep, and names one that is no text.
func (m *mutationRow) dispose(f *Form) (field string) {
	for _, member := range m.dispositions() {
		if !f.disposition {
			*member.value = nil
		}
		if _, ok := member.value.text(); !ok {
			return member.name
		}
		if f.undisposed {
			*member.value = nil
		}
	}
	return ""
}

// looseMember is a member that only some forms know.
type looseMember struct {
	name  string
	value *loose
}

func (m *mutationRow) dispositions() [4]looseMember {
	return [...]looseMember{
		{"disposition", &m.Disposition}, {"disposition_reason", &m.DispositionReason},
		{"disposition_evidence", &m.DispositionEvidence}, {"disposition_at", &m.DispositionAt},
	}
}

// write writes the members that a form keeps: the disposition always, where it knows it.
func (m *mutationRow) write(r *rewriter, f *Form) {
	from := len(r.out)
	r.out = append(r.out, '{')
	if m.AckedAt != nil {
		r.add("acked_at", *m.AckedAt)
	}
	if f.disposition {
		r.add("disposition", "")
	}
	for _, member := range m.dispositions() {
		if text, _ := member.value.text(); text != nil {
			r.add(member.name, *text)
		}
	}
	r.add("entity", m.Entity)
	r.add("entity_key", m.EntityKey)
	r.add("occurred_at", m.OccurredAt)
	r.add("op", m.Op)
	r.add("payload", m.Payload)
	r.add("project", m.Project)
	r.out = strconv.AppendInt(append(r.out, `,"seq":`...), m.Seq, 10)
	r.members[len(r.members)-1].to = len(r.out) // it goes with the one before
	r.add("source", m.Source)
	r.add("target_key", m.TargetKey)
	r.close(0, from)
}

// namedExactly says whether the server looks at the row that is open when it asks which sessions
// are named: it does so before it reads the rows, by the exact names of their
// members. (This is why coercing a pulled chunk can change its id, A7: in there
// all names are exact.)
func (w *writer) namedExactly() bool {
	for _, name := range []string{"entity", "op", "payload"} {
		if _, ok := w.decoded(name); !ok {
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
		w.name([]byte(p.key()))
	case m.Op == opUpsert && p.session() != "":
		w.name([]byte(p.session()))
	}
}

// CheckMutation says why a project server would refuse a mutation that is pushed to
// the journal, which it checks like one of a chunk: nil is no reason known. What lacks
// a member that 2.x would invent counts as refused. Source: project-server.md 4.1,
// engram-2.md 4.5.
func (f *Form) CheckMutation(e engram.MutationEntry, project string) *RowError {
	_, problem := f.Entry(e, project)
	return problem
}

// Entry is a mutation in the form in which servers from 2.x on put it into the
// journal: what is not known of it is gone. Source: engram-2.md 4.5.
func (f *Form) Entry(e engram.MutationEntry, project string) (engram.MutationEntry, *RowError) {
	m := mutationRow{Entity: e.Entity, EntityKey: e.EntityKey, Op: e.Op, Payload: string(e.Payload)}
	if _, problem := m.normalize(f, f.project(project)); problem != nil {
		return e, problem
	}
	return engram.MutationEntry{Project: m.Project, Entity: m.Entity, EntityKey: m.EntityKey, Op: m.Op, Payload: json.RawMessage(m.Payload)}, nil
}
