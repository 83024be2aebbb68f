// Package words reads what chunks say of rows, deletions included. Who compares a
// database with chunks calls it.
package words

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"io"
	"maps"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowread"
	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// Word is what one chunk says of one row, small enough that those of all chunks
// can be kept. Chunks speak in the order of the manifest, and the last word on a
// row counts. Source: engram-2.md 2.3.
type Word struct {
	engram.RowVersion // Content is zero where the word is about a deletion alone
	Says              Saying
	// Bare is a session without an end and a summary: it came along with its rows,
	// and does not deny what others say of its end.
	Bare bool
	// Placed is a session that names its directory.
	Placed bool
	// Project is a part of the hash of the project that a row is in, NoProject where neither
	// the row nor the chunk says. It is as large as there is room for.
	Project ProjectHash
	// Since is the moment by which tombstones judge: an observation's last change, a
	// prompt's making, a session's start, a deletion's own. In nanoseconds as Updated.
	Since int64
	// Review is when an observation is to be looked at again; 0 if it does not say.
	Review int64
	// Session is a part of the hash of the session that a row belongs to.
	Session [8]byte
}

// ProjectHash tells projects apart; NoProject is none.
type ProjectHash [5]byte

// NoProject is the Project of a word that names none.
var NoProject ProjectHash

// Saying is what becomes of a row.
type Saying byte

// The sayings.
const (
	Alive   Saying = iota
	Deleted        // softly: the row stays, and is marked
	Removed        // for good
)

// Tells says whether w already says what a row of a database does. A database that
// has no time for a review may only not have imported it. Source: engram-2.md 1.
func (w Word) Tells(row Word) bool {
	return w.Says != Removed && w.Content == row.Content && (row.Review == 0 || w.Review == row.Review)
}

// OfSession is what a chunk with this session says.
func OfSession(s engram.Session) Word {
	return Word{
		RowVersion: s.Version(), Since: rowtime.Instant(s.StartedAt), Bare: engram.Text(s.EndedAt) == "" && engram.Text(s.Summary) == "",
		Placed: strings.TrimSpace(s.Directory) != "", Session: partOf(s.ID), Project: ProjectNamed(engram.ProjectKey(s.Project)),
	}
}

// OfObservation is what a chunk with this observation says; project is that of its session.
func OfObservation(o engram.Observation, project string) Word {
	return ofObservation(o).in(engram.Text(o.Project), project)
}

func ofObservation(o engram.Observation) Word {
	w := Word{RowVersion: o.Unplaced(), Review: review(engram.Text(o.ReviewAfter)), Session: partOf(o.SessionID)}
	w.Since = cmp.Or(w.Updated, rowtime.Instant(o.CreatedAt))
	if engram.Text(o.DeletedAt) != "" {
		w.Says = Deleted
	}
	return w
}

// OfPrompt is what a chunk with this prompt says; project is that of its session.
func OfPrompt(p engram.Prompt, project string) Word {
	return ofPrompt(p).in(p.Project, project)
}

func ofPrompt(p engram.Prompt) Word {
	return Word{RowVersion: p.Unplaced(), Since: rowtime.Instant(p.CreatedAt), Session: partOf(p.SessionID)}
}

// OfRelation is what a chunk with this relation says. Where it was judged is left out:
// importers need not keep that.
func OfRelation(r engram.Relation) Word {
	confidence := ""
	if r.Confidence != nil {
		confidence = strconv.FormatFloat(*r.Confidence, 'g', -1, 64)
	}
	at := rowtime.Instant(cmp.Or(r.UpdatedAt, r.CreatedAt))
	return Word{Since: at, RowVersion: engram.RowVersion{
		Kind: engram.RelationRow, Row: engram.HashOf(r.SyncID), Updated: at,
		Content: engram.HashOf(r.SourceID, r.TargetID, r.Relation, engram.Text(r.Reason), engram.Text(r.Evidence), confidence,
			r.Judgment, engram.Text(r.Actor), engram.Text(r.ActorKind), engram.Text(r.Model)),
	}}
}

// OfDeletion is what a chunk with this deletion says.
func OfDeletion(d engram.Deletion) Word {
	if d.Kind == engram.SessionRow {
		d.Session = d.Key
	}
	return Word{
		RowVersion: engram.RowVersion{Kind: d.Kind, Row: engram.HashOf(d.Key)}, Says: Removed,
		Since: rowtime.Instant(d.At), Session: partOf(d.Session),
	}
}

func (w Word) in(own, session string) Word {
	w.RowVersion = w.In(own, session)
	w.Project = ProjectNamed(engram.ProjectKey(engram.ProjectOf(own, session)))
	return w
}

// SessionNamed has the identity of a session, to look for what is said of it.
func SessionNamed(id string) engram.RowVersion {
	return engram.RowVersion{Kind: engram.SessionRow, Row: engram.HashOf(id)}
}

// ProjectNamed is the Project of words about rows of a project, by its key.
func ProjectNamed(key string) ProjectHash {
	part := partOf(key)
	return ProjectHash(part[:len(NoProject)])
}

func partOf(id string) (part [8]byte) {
	if id != "" {
		sum := engram.HashOf(id)
		part = [8]byte(sum[:])
	}
	return part
}

// review is a moment that two databases may write otherwise, or a text that is none.
func review(t string) int64 {
	if t == "" || !rowtime.Parse(t).IsZero() {
		return rowtime.Instant(t)
	}
	sum := fnv.New64a()
	io.WriteString(sum, t) //nolint:errcheck // a hash takes everything
	return int64(sum.Sum64() | 1)
}

// Read reads what a chunk says of all its rows, as a stream that keeps nothing
// but that. Rows without a name are left out: nobody can find them again. They come
// in the order in which engram applies them, so that the last word on a row counts:
// rows, then what mutations upsert, then what they delete, sessions at the end.
// Source: engram-2.md 2.3.
func Read(r io.Reader) ([]Word, error) {
	reader := newWordReader()
	err := reader.read(r)
	return reader.finish(), err
}

// wordReader reads one chunk. Only at its end all sessions are known: they stand
// first as engram writes it, and last as servers do.
type wordReader struct {
	projects, changed                 map[string]string // of the sessions, and of those that mutations upsert
	sessions, upserted                []Word
	rows, upserts                     []unplacedWord
	relations, deletions, lastDeleted []Word
	ends                              []string // of the relations
}

// unplacedWord is a word whose project may be that of its session.
type unplacedWord struct {
	Word
	project, session string
}

func newWordReader() wordReader {
	return wordReader{projects: map[string]string{}, changed: map[string]string{}}
}

func (r *wordReader) read(from io.Reader) error {
	var bad error // of the first row that is none: what comes behind it says nothing
	err := engram.ReadLists(from, func(list string, _ int, row json.RawMessage) {
		if bad == nil {
			bad = r.take(list, row)
		}
	}, "sessions", "observations", "prompts", "mutations")
	return cmp.Or(err, bad)
}

func (r *wordReader) take(list string, row json.RawMessage) error {
	switch list {
	case "sessions":
		s, err := rowread.ReadSession(row)
		if err != nil {
			return err
		}
		r.session(s)
	case "observations":
		o, err := rowread.ReadObservation(row)
		if err != nil {
			return err
		}
		r.row(o.SyncID, ofObservation(o), engram.Text(o.Project), o.SessionID)
	case "prompts":
		p, err := rowread.ReadPrompt(row)
		if err != nil {
			return err
		}
		r.row(p.SyncID, ofPrompt(p), p.Project, p.SessionID)
	default:
		r.mutation(row)
	}
	return nil
}

func (r *wordReader) session(s engram.Session) {
	if s.ID != "" {
		r.projects[s.ID] = s.Project
		r.sessions = append(r.sessions, OfSession(s))
	}
}

func (r *wordReader) row(syncID string, w Word, project, session string) {
	if syncID != "" {
		r.rows = append(r.rows, unplacedWord{w, project, session})
	}
}

func (r *wordReader) finish() []Word {
	maps.Copy(r.projects, r.changed)
	words := append(r.sessions, r.upserted...)
	for _, list := range [][]unplacedWord{r.rows, r.upserts} {
		for _, row := range list {
			words = append(words, row.in(row.project, r.projects[row.session]))
		}
	}
	words = append(words, r.relations...)
	words = append(words, r.deletions...)
	return append(words, r.lastDeleted...)
}

// mutation takes in what a mutation says, if readers of all generations would
// find the same row by it: 1.x goes by the payload's name, and later ones put a
// mutation aside whose key is another. What cannot be read says nothing.
func (r *wordReader) mutation(text json.RawMessage) {
	var m struct {
		Entity, Op, Project string
		EntityKey           string          `json:"entity_key"`
		OccurredAt          string          `json:"occurred_at"`
		Payload             json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(text, &m) != nil || m.EntityKey == "" {
		return
	}
	payload := engram.PayloadObject(m.Payload)
	switch m.Op {
	case "delete":
		r.deletion(m.Entity, m.EntityKey, m.OccurredAt, payload)
	case "upsert":
		r.upsert(m.Entity, m.EntityKey, m.Project, payload)
	}
}

func (r *wordReader) upsert(entity, key, project string, payload []byte) {
	switch entity {
	case "session":
		var s engram.Session
		if json.Unmarshal(payload, &s) == nil && s.ID == key {
			s.Project = cmp.Or(s.Project, project)
			r.changed[s.ID] = s.Project
			r.upserted = append(r.upserted, OfSession(s))
		}
	case "observation":
		var o engram.Observation
		if json.Unmarshal(payload, &o) == nil && o.SyncID == key {
			o.DeletedAt = nil // only op decides. Source: engram-2.md 10.
			r.upserts = append(r.upserts, unplacedWord{ofObservation(o), cmp.Or(engram.Text(o.Project), project), o.SessionID})
		}
	case "prompt":
		var p engram.Prompt
		if json.Unmarshal(payload, &p) == nil && p.SyncID == key {
			r.upserts = append(r.upserts, unplacedWord{ofPrompt(p), cmp.Or(p.Project, project), p.SessionID})
		}
	case "relation":
		var relation engram.Relation
		if json.Unmarshal(payload, &relation) == nil && relation.SyncID == key {
			r.relations = append(r.relations, OfRelation(relation))
			r.ends = append(r.ends, relation.SourceID, relation.TargetID)
		}
	}
}

// deletion takes in a delete. One of a relation says nothing: no reader applies it.
// Source: engram-2.md 2.3.
func (r *wordReader) deletion(entity, key, occurred string, payload []byte) {
	var said struct {
		ID        string `json:"id"`
		SyncID    string `json:"sync_id"`
		SessionID string `json:"session_id"`
		DeletedAt string `json:"deleted_at"`
		Hard      bool   `json:"hard_delete"`
	}
	if json.Unmarshal(payload, &said) != nil {
		return
	}
	d := engram.Deletion{Kind: engram.KindOf(entity), Key: key, Session: said.SessionID, At: cmp.Or(said.DeletedAt, occurred)}
	switch d.Kind {
	case engram.SessionRow:
		if said.ID == key {
			r.lastDeleted = append(r.lastDeleted, OfDeletion(d))
		}
	case engram.ObservationRow, engram.PromptRow:
		w := OfDeletion(d)
		if d.Kind == engram.ObservationRow && !said.Hard {
			w.Says = Deleted
		}
		if said.SyncID == key {
			r.deletions = append(r.deletions, w)
		}
	}
}
