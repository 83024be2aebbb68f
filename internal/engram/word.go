package engram

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"io"
	"strings"
	"time"
)

// Word is what one chunk says of one row, small enough that those of all chunks
// can be kept. Chunks speak in the order of the manifest, and the last word on a
// row counts. Source: engram-2.md 2.3.
type Word struct {
	RowVersion // Content is zero where the word is about a deletion alone
	Says       Saying
	// Bare is a session without an end and a summary: it came along with its rows,
	// and does not deny what others say of its end.
	Bare bool
	// Placed is a session that names its directory.
	Placed bool
	// Since is the moment by which tombstones judge: an observation's last change, a
	// prompt's making, a session's start, a deletion's own. In nanoseconds as Updated.
	Since int64
	// Review is when an observation is to be looked at again; 0 if it does not say.
	Review int64
	// Session is a part of the hash of the session that a row belongs to.
	Session [8]byte
}

// Saying is what becomes of a row.
type Saying byte

// The sayings.
const (
	Alive   Saying = iota
	Deleted        // softly: the row stays, and is marked
	Removed        // for good
)

// Later says whether a moment is certainly behind another. A whole second is
// written by releases that count in seconds, and is any moment of it. 0 is no
// moment. Source: engram-2.md 7, rule 20.
func Later(a, b int64) bool {
	if b != 0 && b%int64(time.Second) == 0 {
		b += int64(time.Second) - 1
	}
	return a > b
}

// Tells says whether w already says what a row of a database does. A database that
// has no time for a review may only not have imported it. Source: engram-2.md 1.
func (w Word) Tells(row Word) bool {
	return w.Says != Removed && w.Content == row.Content && (row.Review == 0 || w.Review == row.Review)
}

// Word is what a chunk with this session says.
func (s Session) Word() Word {
	return Word{
		RowVersion: s.Version(), Since: instant(s.StartedAt), Bare: Text(s.EndedAt) == "" && Text(s.Summary) == "",
		Placed: strings.TrimSpace(s.Directory) != "", Session: sessionOf(s.ID),
	}
}

// Word is what a chunk with this observation says; project is that of its session.
func (o Observation) Word(project string) Word {
	return o.word().in(Text(o.Project), project)
}

func (o Observation) word() Word {
	w := Word{RowVersion: o.version(), Review: review(Text(o.ReviewAfter)), Session: sessionOf(o.SessionID)}
	w.Since = cmp.Or(w.Updated, instant(o.CreatedAt))
	if Text(o.DeletedAt) != "" {
		w.Says = Deleted
	}
	return w
}

// Word is what a chunk with this prompt says; project is that of its session.
func (p Prompt) Word(project string) Word {
	return p.word().in(p.Project, project)
}

func (p Prompt) word() Word {
	return Word{RowVersion: p.version(), Since: instant(p.CreatedAt), Session: sessionOf(p.SessionID)}
}

func (w Word) in(own, session string) Word {
	w.RowVersion = w.RowVersion.in(own, session)
	return w
}

// SessionNamed has the identity of a session, to look for what is said of it.
func SessionNamed(id string) RowVersion { return RowVersion{Kind: SessionRow, Row: hashOf(id)} }

func sessionOf(id string) (part [8]byte) {
	if id != "" {
		sum := hashOf(id)
		part = [8]byte(sum[:])
	}
	return part
}

// review is a moment that two databases may write otherwise, or a text that is none.
func review(t string) int64 {
	if t == "" || !RowTime(t).IsZero() {
		return instant(t)
	}
	sum := fnv.New64a()
	io.WriteString(sum, t) //nolint:errcheck // a hash takes everything
	return int64(sum.Sum64() | 1)
}

// instant is a time in nanoseconds since 1970; 0 if it is none.
func instant(t string) int64 {
	if parsed := RowTime(t); !parsed.IsZero() {
		return parsed.UnixNano()
	}
	return 0
}

// ReadWords reads what a chunk says of all its rows, as a stream that keeps nothing
// but that. Rows without a name are left out: nobody can find them again. They come
// in the order in which engram applies them, so that the last word on a row counts:
// rows, then what mutations upsert, then what they delete, sessions at the end.
// Source: engram-2.md 2.3.
func ReadWords(r io.Reader) ([]Word, error) {
	reader := wordReader{projects: map[string]string{}}
	err := readMembers(r, map[string]memberReader{
		"sessions":     rows(reader.session),
		"observations": rows(func(o Observation) { reader.row(o.SyncID, o.word(), Text(o.Project), o.SessionID) }),
		"prompts":      rows(func(p Prompt) { reader.row(p.SyncID, p.word(), p.Project, p.SessionID) }),
		"mutations":    rows(reader.mutation),
	})
	return reader.finish(), err
}

// wordReader reads one chunk. Only at its end all sessions are known: they stand
// first as engram writes it, and last as servers do.
type wordReader struct {
	projects                          map[string]string // of the sessions
	sessions                          []Word
	rows, upserts                     []unplacedWord
	relations, deletions, lastDeleted []Word
}

// unplacedWord is a word whose project may be that of its session.
type unplacedWord struct {
	Word
	project, session string
}

func (r *wordReader) session(s Session) {
	if s.ID != "" {
		r.projects[s.ID] = s.Project
		r.sessions = append(r.sessions, s.Word())
	}
}

func (r *wordReader) row(syncID string, w Word, project, session string) {
	if syncID != "" {
		r.rows = append(r.rows, unplacedWord{w, project, session})
	}
}

func (r *wordReader) finish() []Word {
	words := r.sessions
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
	payload := payloadObject(m.Payload)
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
		var s Session
		if json.Unmarshal(payload, &s) == nil && s.ID == key {
			s.Project = cmp.Or(s.Project, project)
			r.session(s)
		}
	case "observation":
		var o Observation
		if json.Unmarshal(payload, &o) == nil && o.SyncID == key {
			o.DeletedAt = nil // only op decides. Source: engram-2.md 10.
			r.upserts = append(r.upserts, unplacedWord{o.word(), cmp.Or(Text(o.Project), project), o.SessionID})
		}
	case "prompt":
		var p Prompt
		if json.Unmarshal(payload, &p) == nil && p.SyncID == key {
			r.upserts = append(r.upserts, unplacedWord{p.word(), cmp.Or(p.Project, project), p.SessionID})
		}
	case "relation":
		var relation Relation
		if json.Unmarshal(payload, &relation) == nil && relation.SyncID == key {
			r.relations = append(r.relations, relation.Word())
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
	d := Deletion{Kind: KindOf(entity), Key: key, Session: said.SessionID, At: cmp.Or(said.DeletedAt, occurred)}
	switch d.Kind {
	case SessionRow:
		if said.ID == key {
			r.lastDeleted = append(r.lastDeleted, d.Word())
		}
	case ObservationRow, PromptRow:
		w := d.Word()
		if d.Kind == ObservationRow && !said.Hard {
			w.Says = Deleted
		}
		if said.SyncID == key {
			r.deletions = append(r.deletions, w)
		}
	}
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
