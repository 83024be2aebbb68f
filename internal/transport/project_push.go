package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// projectBody is a push to a project server, whole in memory: what is sent is
// the canonical text with fewer escapes, which the server undoes.
type projectBody struct {
	*batchBody
	size int64
	sum  [32]byte
}

func (b *projectBody) sent() bool           { return b.stop() }
func (b *projectBody) failure() error       { return nil }
func (b *projectBody) length() int64        { return b.size }
func (b *projectBody) contentSum() [32]byte { return b.sum }

// newProjectBody reads the chunk to its end, and puts the envelope around it.
// Source: project-server.md 3.1, 12.
func (p *push) newProjectBody() (io.ReadCloser, error) {
	content, sum, err := p.readWhole()
	if err != nil {
		return nil, err
	}
	text, err := projectEnvelope(p.entry, p.project, content)
	if err != nil {
		return nil, err
	}
	if p.limit > 0 && int64(len(text)) > p.limit { // which counts what was compressed, too
		return nil, &TooLargeError{ID: p.entry.ID, Limit: p.limit}
	}
	if p.gzip {
		if text, err = compress(text); err != nil {
			return nil, err
		}
	}
	b := &projectBody{batchBody: &batchBody{rest: text}, size: int64(len(text)), sum: sum}
	p.last = b
	return b, nil
}

// readWhole reads the chunk, once there is memory for it.
func (p *push) readWhole() (content []byte, sum [32]byte, err error) {
	chunk, err := p.open()
	if err != nil {
		return nil, sum, err
	}
	defer func() { _ = chunk.Close() }() // only read
	if chunk.SizeHint > maxProjectChunk {
		return nil, sum, errChunkTooLarge
	}
	if err := p.reserve(chunk.SizeHint); err != nil {
		return nil, sum, err
	}
	content, err = io.ReadAll(chunk)
	switch {
	case err != nil:
		return nil, sum, err
	case chunk.ID() != p.entry.ID:
		return nil, sum, &engram.MismatchError{ID: p.entry.ID, Actual: chunk.ID()}
	}
	return content, chunk.Sum(), nil
}

func projectEnvelope(entry engram.ChunkEntry, project string, content []byte) ([]byte, error) {
	head := struct {
		ChunkID         engram.ChunkID `json:"chunk_id"`
		ClientCreatedAt string         `json:"client_created_at,omitempty"`
		CreatedBy       string         `json:"created_by"`
		Project         string         `json:"project"`
	}{entry.ID, "", entry.CreatedBy, project}
	if at := entry.Time().UTC(); !at.IsZero() && at.Year() >= 1 && at.Year() <= 9999 {
		head.ClientCreatedAt = at.Format(time.RFC3339)
	}
	text, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encode a push: %w", err)
	}
	out := make([]byte, 0, len(text)+len(content)+16)
	out = append(append(out, text[:len(text)-1]...), `,"data":`...)
	return append(appendRaw(out, content), '}'), nil
}

// appendRaw appends JSON text with the escapes undone that canonical text has
// and that cost six bytes each: the server's limit counts them, its id does not.
// Source: project-server.md 1 (size limit), 9 (3).
func appendRaw(dst, text []byte) []byte {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 || at+1 >= len(text) {
			return append(dst, text...)
		}
		dst, text = append(dst, text[:at]...), text[at:]
		if raw, ok := costlyEscapes[string(text[:min(6, len(text))])]; ok {
			dst, text = append(dst, raw...), text[6:]
			continue
		}
		dst, text = append(dst, text[:2]...), text[2:] // an escaped backslash is not the start of an escape
	}
}

var costlyEscapes = map[string]string{
	`\u003c`: "<", `\u003e`: ">", `\u0026`: "&", `\u2028`: "\u2028", `\u2029`: "\u2029",
}
