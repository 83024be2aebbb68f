package mend

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Restore makes a chunk of one that an old client reduced while pushing, or would
// have: the rows that are left, each with an identity that is derived from the id
// of the true chunk. Without one, importers take all of them for the same row.
// It is the same text whether it is made of what the server has or of the true chunk.
// Source: account-server.md 3.6.
func Restore(id engram.ChunkID, content io.Reader) ([]byte, engram.ChunkRows, error) {
	var rows engram.ChunkRows
	if err := readRows(content, &rows); err != nil {
		return nil, rows, fmt.Errorf("restore chunk %s: %w", id, err)
	}
	for i := range rows.Sessions {
		s := &rows.Sessions[i]
		s.EndedAt, s.Summary, s.OwnershipMode = given(s.EndedAt), given(s.Summary), "" // which no old client knows
	}
	for i := range rows.Observations {
		o := reducedObservation(rows.Observations[i])
		o.SyncID = SyncID(Place{id, Observations, i}, rowText(o))
		rows.Observations[i] = o
	}
	for i := range rows.Prompts {
		p := reducedPrompt(rows.Prompts[i])
		p.SyncID = SyncID(Place{id, Prompts, i}, rowText(p))
		rows.Prompts[i] = p
	}
	text, err := engram.EncodeChunk(rows)
	return text, rows, err
}

// Reduce is what an old client leaves of the rows of a chunk, and no identities: it is
// the same for a chunk, what was left of it, and what was restored.
func Reduce(content io.Reader) ([]byte, error) {
	_, rows, err := Restore(engram.ChunkID{}, content)
	if err != nil {
		return nil, err
	}
	for i := range rows.Observations {
		rows.Observations[i].SyncID = ""
	}
	for i := range rows.Prompts {
		rows.Prompts[i].SyncID = ""
	}
	return engram.EncodeChunk(rows)
}

// maxReduced is more than an old client can push. Source: account-server.md 1.3.
const maxReduced = 64 << 20

// readRows reads a chunk to its end, where the content checks itself.
func readRows(content io.Reader, rows *engram.ChunkRows) error {
	text, err := io.ReadAll(io.LimitReader(content, maxReduced+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxReduced:
		return fmt.Errorf("%w: no old client can have pushed more than %d bytes", engram.ErrDamaged, maxReduced)
	}
	return json.Unmarshal(text, rows)
}

// reducedObservation is what an old client sends of one.
func reducedObservation(o engram.Observation) engram.Observation {
	return engram.Observation{
		SessionID: o.SessionID, Type: o.Type, Title: o.Title, Content: o.Content, Scope: o.Scope,
		ToolName: given(o.ToolName), Project: given(o.Project), TopicKey: given(o.TopicKey),
	}
}

// reducedPrompt is what an old client sends of one.
func reducedPrompt(p engram.Prompt) engram.Prompt {
	return engram.Prompt{SessionID: p.SessionID, Content: p.Content, Project: p.Project}
}

// given folds an empty text and none, which are one on the wire.
func given(text *string) *string {
	if engram.Text(text) == "" {
		return nil
	}
	return text
}

// rowText is what the identity of a restored row is derived from.
func rowText(row any) []byte {
	text, _ := json.Marshal(row) // texts and numbers
	return text
}

// Restored is what tells a restored chunk from others: a row of it.
type Restored struct {
	list     string
	identity string
	text     []byte
}

// ReadRestored looks at the first memory of a chunk; ok is false where that is none
// of a restored chunk. From says of which one.
func ReadRestored(content io.Reader) (r Restored, ok bool, err error) {
	var rows engram.ChunkRows
	if err := readRows(content, &rows); err != nil {
		return r, false, err
	}
	switch {
	case len(rows.Observations) > 0 && rows.Observations[0].CreatedAt == "":
		o := rows.Observations[0]
		return Restored{Observations, o.SyncID, rowText(reducedObservation(o))}, true, nil
	case len(rows.Observations) == 0 && len(rows.Prompts) > 0 && rows.Prompts[0].CreatedAt == "":
		p := rows.Prompts[0]
		return Restored{Prompts, p.SyncID, rowText(reducedPrompt(p))}, true, nil
	}
	return r, false, nil
}

// Nameless says that the row has no identity: the chunk is what an old client left of
// another, as older releases of ours took it.
func (r Restored) Nameless() bool { return r.identity == "" }

// From says whether the chunk was restored from one of this id.
func (r Restored) From(id engram.ChunkID) bool {
	return r.identity == SyncID(Place{id, r.list, 0}, r.text)
}
