package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Moments of the invented data. Each is later than the one before.
const (
	Early = "2026-09-01 10:00:00.000000001"
	T     = "2026-10-01 10:00:00.000000001"
	D     = "2026-10-02 10:00:00.000000001"
	Late  = "2026-10-03 10:00:00.000000001"
)

// Doc is a chunk that a test writes down. Its rows are maps, so that any member can
// be left out, null or of another type.
type Doc struct {
	Sessions     []Row `json:"sessions"`
	Observations []Row `json:"observations"`
	Prompts      []Row `json:"prompts"`
	Mutations    []Row `json:"mutations,omitempty"`
}

// Row is a row or a payload.
type Row map[string]any

// With is the row with other members; nil takes one away, and Null makes it null.
func (r Row) With(members Row) Row {
	out := Row{}
	for _, from := range []Row{r, members} {
		for name, value := range from {
			out[name] = value
			if value == nil {
				delete(out, name)
			}
		}
	}
	return out
}

// Null is the value null.
var Null = json.RawMessage("null")

// ASession is a row as engram writes one, and so are the next ones.
func ASession(id string) Row {
	return Row{"id": id, "project": "demo", "directory": "/w/demo", "started_at": T}
}

// Owned is a session that belongs to its project.
func Owned(id string) Row { return ASession(id).With(Row{"ownership_mode": owner}) }

// AnObservation is one of a session.
func AnObservation(id, session string) Row {
	return Row{
		"id": 1, "sync_id": id, "session_id": session, "type": "manual", "title": "t " + id, "content": "c " + id, "project": "demo",
		"scope": "project", "revision_count": 1, "duplicate_count": 1, "created_at": T, "updated_at": T,
	}
}

// APrompt is one of a session.
func APrompt(id, session string) Row {
	return Row{"id": 1, "sync_id": id, "session_id": session, "content": "c " + id, "project": "demo", "created_at": T}
}

// ARelation is the payload of one.
func ARelation(id, source, target string) Row {
	return Row{
		"sync_id": id, "source_id": source, "target_id": target, "relation": "supersedes", "judgment_status": "judged",
		"marked_by_actor": "me", "marked_by_kind": "human", "project": "demo", "created_at": T, "updated_at": T,
	}
}

// Gone is the payload of a hard delete.
func Gone(key string) Row {
	return Row{"sync_id": key, "project": "demo", "deleted": true, "deleted_at": D, "hard_delete": true}
}

// Upsert and Delete are mutations.
func Upsert(entity, key string, payload Row) Row { return mutation("upsert", entity, key, payload) }
func Delete(entity, key string, payload Row) Row { return mutation("delete", entity, key, payload) }

func mutation(op, entity, key string, payload Row) Row {
	text, err := json.Marshal(payload)
	if err != nil {
		panic(err) // plain data
	}
	return Row{
		"seq": 0, "target_key": "", "entity": entity, "entity_key": key, "op": op, "payload": string(text),
		"source": "", "project": "demo", "occurred_at": D, "disposition": "",
	}
}

// Dir makes a directory of documents. A document is a Doc, a text, or one of
// Missing and Broken.
func Dir(version int, docs ...any) Directory {
	dir := Directory{Version: version}
	for i, doc := range docs {
		c := Chunk{}
		switch doc := doc.(type) {
		case string:
			c.Text = []byte(doc)
		case flaw:
			c.Missing, c.Broken, c.Text = doc == Missing, doc == Broken, []byte(strings.Repeat(" ", i))
		default:
			text, err := json.Marshal(doc)
			if err != nil {
				panic(err) // plain data
			}
			c.Text = text
		}
		sum := sha256.Sum256(c.Text)
		c.ID = hex.EncodeToString(sum[:4])
		dir.Chunks = append(dir.Chunks, c)
	}
	return dir
}

type flaw string

// What can be wrong with the file of a chunk.
const (
	Missing flaw = "missing"
	Broken  flaw = "broken"
)
