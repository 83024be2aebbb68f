package recognition

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"io"
	"slices"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Shape is what of a chunk stays as it is when somebody takes text out of it: which
// rows it has, how often and when they were changed. Beside it stands what they say.
type Shape struct {
	Rows, Texts engram.RowHash
	N           int // of rows
}

// Retells says whether both chunks have the same states of the same rows, and say
// otherwise what is in them: an edit of a memory would have another time or count.
func (s Shape) Retells(other Shape) bool {
	return s.N > 0 && s.N == other.N && s.Rows == other.Rows && s.Texts != other.Texts
}

// ReadShape reads the shape of a chunk, as a stream that keeps two hashes a row.
func ReadShape(r io.Reader) (s Shape, err error) {
	type hashes struct{ row, text engram.RowHash }
	var all []hashes
	var broken error
	err = engram.ReadLists(r, func(list string, _ int, row json.RawMessage) {
		state, text, err := shapeOf(list, row)
		if err != nil {
			broken = err
		}
		all = append(all, hashes{state, text})
	}, "sessions", "observations", "prompts", "mutations")
	if err = cmp.Or(err, broken); err != nil {
		return s, err
	}
	// Servers have rows in an order of their own.
	slices.SortFunc(all, func(a, b hashes) int {
		return cmp.Or(bytes.Compare(a.row[:], b.row[:]), bytes.Compare(a.text[:], b.text[:]))
	})
	rows, texts := sha256.New(), sha256.New()
	for _, h := range all {
		rows.Write(h.row[:])
		texts.Write(h.row[:])
		texts.Write(h.text[:])
	}
	return Shape{engram.RowHash(rows.Sum(nil)[:16]), engram.RowHash(texts.Sum(nil)[:16]), len(all)}, nil
}

func shapeOf(list string, row []byte) (state, text engram.RowHash, err error) {
	switch list {
	case "sessions":
		var s engram.Session
		err = json.Unmarshal(row, &s)
		state = engram.HashOf(list, s.ID, s.StartedAt, engram.Text(s.EndedAt))
		text = engram.HashOf(s.Directory, engram.Text(s.Summary))
	case "observations":
		var o engram.Observation
		err = json.Unmarshal(row, &o)
		state = engram.HashOf(list, named(o.SyncID, o.ID), strconv.FormatInt(o.RevisionCount, 10), o.SessionID, o.CreatedAt, o.UpdatedAt, engram.Text(o.DeletedAt))
		text = engram.HashOf(o.Title, o.Content, engram.Text(o.TopicKey), engram.Text(o.ToolName))
	case "prompts":
		var p engram.Prompt
		err = json.Unmarshal(row, &p)
		state, text = engram.HashOf(list, named(p.SyncID, p.ID), p.SessionID, p.CreatedAt), engram.HashOf(p.Content)
	default:
		var m engram.ChunkMutation
		err = json.Unmarshal(row, &m)
		state, text = engram.HashOf(list, m.Entity, m.EntityKey, m.Op, m.OccurredAt), engram.HashOf(m.Payload)
	}
	return state, text, err
}

// named is what a row is called by: its number in its database, where it has no name.
func named(syncID string, id int64) string { return cmp.Or(syncID, strconv.FormatInt(id, 10)) }
