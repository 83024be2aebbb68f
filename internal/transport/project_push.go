package transport

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// projectBody is a push to a project server, whole in memory: what is sent is
// the canonical text with fewer escapes, which the server undoes. Parts are
// small (a few MiB), so that a few at a time cost little.
type projectBody struct {
	*bytes.Reader
	text []byte
	sum  [32]byte

	mu   sync.Mutex
	done bool
}

// newProjectBody reads the chunk to its end, and puts the envelope around it.
// Source: project-server.md 3.1, 12.
func (p *push) newProjectBody() (io.ReadCloser, error) {
	chunk, err := p.open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(chunk)
	_ = chunk.Close() // only read
	if err == nil && chunk.ID() != p.entry.ID {
		err = &engram.MismatchError{ID: p.entry.ID, Actual: chunk.ID()}
	}
	if err != nil {
		return nil, err
	}
	text, err := projectEnvelope(p.entry, p.project, content)
	if err != nil {
		return nil, err
	}
	if p.gzip {
		if text, err = compress(text); err != nil {
			return nil, err
		}
	}
	if limit := p.limit; limit > 0 && int64(len(text)) > limit {
		return nil, &TooLargeError{ID: p.entry.ID, Limit: limit}
	}
	b := &projectBody{Reader: bytes.NewReader(text), text: text, sum: chunk.Sum()}
	p.last = b
	return b, nil
}

func projectEnvelope(entry engram.ChunkEntry, project string, content []byte) ([]byte, error) {
	head := struct {
		ChunkID         engram.ChunkID `json:"chunk_id"`
		ClientCreatedAt string         `json:"client_created_at,omitempty"`
		CreatedBy       string         `json:"created_by"`
		Project         string         `json:"project"`
	}{entry.ID, "", entry.CreatedBy, project}
	if at := entry.Time(); !at.IsZero() {
		head.ClientCreatedAt = at.UTC().Format(time.RFC3339)
	}
	text, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encode a push: %w", err)
	}
	text = append(text[:len(text)-1], `,"data":`...)
	return append(appendRaw(text, content), '}'), nil
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

func compress(text []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(text); err != nil {
		return nil, fmt.Errorf("compress a push: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress a push: %w", err)
	}
	return out.Bytes(), nil
}

// Read implements io.Reader.
func (b *projectBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.Reader.Read(p)
	b.done = b.done || b.Len() == 0
	return n, err
}

// Close implements io.Closer.
func (b *projectBody) Close() error { return nil }

// WriteTo hides that of bytes.Reader, which would pass by Read.
func (b *projectBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

func (b *projectBody) sent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done
}

func (b *projectBody) failure() error       { return nil }
func (b *projectBody) length() int64        { return int64(len(b.text)) }
func (b *projectBody) contentSum() [32]byte { return b.sum }
