package history

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/rowread"
)

// Read reads all rows of a chunk, in the order in which importers apply them: sessions, memories and prompts, relations,
// deletions. Nothing is passed over: rows without an identity get one, and a mutation that no reader would apply is a
// row too. id gives the id of the chunk once it was read. All of it is in memory afterwards. Source: engram-2.md 2.3.
func Read(r io.Reader, id func() engram.ChunkID) ([]Row, error) {
	reader := reader{projects: map[string]string{}}
	var bad error
	err := engram.ReadLists(r, func(list string, index int, row json.RawMessage) {
		if bad == nil {
			bad = reader.take(list, index, row)
		}
	}, "sessions", "observations", "prompts", "mutations")
	return reader.finish(id()), cmp.Or(err, bad)
}

// ReadChunk is Read for a chunk, of which it says what is wrong.
func ReadChunk(c *engram.Chunk) ([]Row, error) {
	return engram.ReadRows(c, func(r io.Reader) ([]Row, error) { return Read(r, c.ID) })
}

type reader struct {
	projects                              map[string]string // of the sessions
	nameless                              []nameless        // of rows
	sessions, rows, relations, deletions  []Row
	upserted, upserts, odd, endedSessions []Row
}

// nameless is a row without an identity.
type nameless struct {
	at    int // in reader.rows
	place mend.Place
	text  []byte
}

func (r *reader) take(list string, index int, row json.RawMessage) error {
	switch list {
	case "sessions":
		s, err := rowread.ReadSession(row)
		r.sessions = append(r.sessions, OfSession(s))
		r.projects[s.ID] = s.Project
		return err
	case "observations":
		o, err := rowread.ReadObservation(row)
		r.add(OfObservation(o), mend.Observations, index, row)
		return err
	case "prompts":
		p, err := rowread.ReadPrompt(row)
		r.add(OfPrompt(p), mend.Prompts, index, row)
		return err
	}
	r.mutation(row)
	return nil
}

func (r *reader) add(row Row, list string, index int, text json.RawMessage) {
	if row.ID == "" {
		r.nameless = append(r.nameless, nameless{len(r.rows), mend.Place{List: list, Index: index}, bytes.Clone(text)})
	}
	r.rows = append(r.rows, row)
}

// finish gives rows without an identity the one that a push to a project server would give them.
func (r *reader) finish(id engram.ChunkID) []Row {
	for _, n := range r.nameless {
		n.place.Chunk = id
		r.rows[n.at].ID, r.rows[n.at].Derived = mend.SyncID(n.place, n.text), true
	}
	for i := range r.upserted {
		r.projects[r.upserted[i].ID] = r.upserted[i].Project
	}
	all := slices.Concat(r.sessions, r.upserted, r.rows, r.upserts, r.relations, r.odd, r.deletions, r.endedSessions)
	for i := range all {
		if row := &all[i]; row.Project == "" {
			row.Project = r.projects[row.Session]
		}
	}
	return all
}

// OfSession is the row of a session.
func OfSession(s engram.Session) Row {
	return Row{
		Kind: "session", Type: "session", ID: s.ID, Session: s.ID, State: Kept, Project: s.Project, Content: engram.Text(s.Summary),
		CreatedAt: s.StartedAt, UpdatedAt: engram.Text(s.EndedAt), Directory: s.Directory,
	}
}

// OfObservation is the row of a memory.
func OfObservation(o engram.Observation) Row {
	row := Row{
		Kind: "observation", Type: o.Type, ID: o.SyncID, Session: o.SessionID, State: Kept, Project: engram.Text(o.Project), Title: o.Title,
		Content: o.Content, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, DeletedAt: engram.Text(o.DeletedAt), Revision: o.RevisionCount,
		Scope: o.Scope, Topic: engram.Text(o.TopicKey), Tool: engram.Text(o.ToolName), Review: engram.Text(o.ReviewAfter),
	}
	if row.DeletedAt != "" {
		row.State = Deleted
	}
	return row
}

// OfPrompt is the row of a prompt.
func OfPrompt(p engram.Prompt) Row {
	return Row{
		Kind: "prompt", Type: "prompt", ID: p.SyncID, Session: p.SessionID, State: Kept, Project: p.Project, Content: p.Content,
		CreatedAt: p.CreatedAt,
	}
}

// OfRelation is the row of a relation.
func OfRelation(r engram.Relation) Row {
	content := strings.Join(slices.DeleteFunc([]string{engram.Text(r.Reason), engram.Text(r.Evidence)}, func(t string) bool { return t == "" }), "\n\n")
	return Row{
		Kind: "relation", Type: "relation", ID: r.SyncID, Session: engram.Text(r.SessionID), State: Kept, Project: r.Project, Content: content,
		Title: r.SourceID + " " + r.Relation + " " + r.TargetID, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		Source: r.SourceID, Target: r.TargetID, Relation: r.Relation, Judgment: r.Judgment, Actor: cmp.Or(engram.Text(r.Actor), engram.Text(r.Model)),
	}
}

// mutation takes in a mutation. Its payload says more than what is around it.
func (r *reader) mutation(text json.RawMessage) {
	var m struct {
		Entity, Op, Project string
		EntityKey           string          `json:"entity_key"`
		OccurredAt          string          `json:"occurred_at"`
		Payload             json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(text, &m) != nil { // it is shown as it stands: nobody can read it
		r.odd = append(r.odd, Row{Kind: "mutation", Type: "mutation", State: Kept, Content: string(text)})
		return
	}
	payload := engram.PayloadObject(bytes.TrimSpace(m.Payload))
	row, list := upserted(m.Entity, payload)
	row.ID, row.Project = cmp.Or(row.ID, m.EntityKey), cmp.Or(row.Project, m.Project)
	if m.Op == "delete" {
		r.delete(row, payload, m.OccurredAt)
		return
	}
	row.State, row.DeletedAt = Kept, "" // only op decides. Source: engram-2.md 10.
	if m.Op != "upsert" {
		list = 'x'
		row.Title = strings.TrimSpace(m.Op + " " + row.Title)
	}
	switch list {
	case 's':
		r.upserted = append(r.upserted, row)
	case 'o', 'p':
		r.upserts = append(r.upserts, row)
	case 'r':
		r.relations = append(r.relations, row)
	default:
		r.odd = append(r.odd, row)
	}
}

// upserted is what a payload says of a row, as far as it can be read.
func upserted(entity string, payload []byte) (row Row, list byte) {
	var err error
	switch entity {
	case "session":
		var s engram.Session
		err = json.Unmarshal(payload, &s)
		row, list = OfSession(s), 's'
	case "observation":
		var o engram.Observation
		err = json.Unmarshal(payload, &o)
		row, list = OfObservation(o), 'o'
	case "prompt":
		var p engram.Prompt
		err = json.Unmarshal(payload, &p)
		row, list = OfPrompt(p), 'p'
	case "relation":
		var relation engram.Relation
		err = json.Unmarshal(payload, &relation)
		row, list = OfRelation(relation), 'r'
	default:
		return Row{Kind: cmp.Or(entity, "mutation"), Type: cmp.Or(entity, "mutation"), State: Kept, Content: string(payload)}, 'x'
	}
	if err != nil {
		row.Content = cmp.Or(row.Content, string(payload))
	}
	return row, list
}

// delete takes in a deletion: a soft one only says that the row goes, too.
func (r *reader) delete(row Row, payload []byte, occurred string) {
	var said struct {
		DeletedAt string `json:"deleted_at"`
		Hard      bool   `json:"hard_delete"`
	}
	_ = json.Unmarshal(payload, &said) // what cannot be read says nothing
	row.State, row.DeletedAt = Removed, cmp.Or(said.DeletedAt, occurred)
	if row.Kind == "observation" && !said.Hard && strings.TrimSpace(row.Title+row.Content) != "" {
		row.State = Deleted
	}
	if row.Kind == "session" {
		r.endedSessions = append(r.endedSessions, row)
		return
	}
	r.deletions = append(r.deletions, row)
}
