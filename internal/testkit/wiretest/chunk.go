package wiretest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// Chunk is the content of a chunk, with its entry.
type Chunk struct {
	Text  string
	Entry engram.ChunkEntry
}

// NewChunk makes a chunk of a text.
func NewChunk(text string) Chunk {
	id := engram.IDOf(sha256.Sum256([]byte(text)))
	return Chunk{Text: text, Entry: engram.ChunkEntry{
		ID: id, CreatedBy: "dev", CreatedAt: "2026-11-22T09:14:58Z", Sessions: 1, Memories: 2, Prompts: 3,
	}}
}

// Sample is a small chunk with everything that encoders like to change.
func Sample() Chunk {
	return NewChunk(`{"sessions":[{"id":"s","project":"p","directory":"/d","started_at":"2026-11-22 09:14:57"}],` +
		`"observations":[{"id":1,"title":"\u003cb\u003e é < & >","n":1.50}], "prompts":null}`)
}

// ID is that of the content.
func (c Chunk) ID() engram.ChunkID { return c.Entry.ID }

// Open is an OpenFunc for the content.
func (c Chunk) Open() (*engram.Chunk, error) {
	return engram.NewChunk(c.ID(), io.NopCloser(strings.NewReader(c.Text)), 1<<30), nil
}

// Sized is open with a true SizeHint.
func (c Chunk) Sized() (*engram.Chunk, error) {
	chunk, err := c.Open()
	chunk.SizeHint = int64(len(c.Text))
	return chunk, err
}

// Envelope is what a push of the chunk puts on the wire.
func (c Chunk) Envelope(t testing.TB) string {
	t.Helper()
	entry, err := c.Entry.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return `{"chunk_id":"` + c.ID().String() + `","created_by":"` + c.Entry.CreatedBy +
		`","engram_sync_entry":` + string(entry) + `,"data":` + c.Text + "}"
}

// Into is a StoreFunc that keeps what it reads, good or not.
func Into(text *string) transport.StoreFunc {
	return func(c *engram.Chunk) error {
		content, err := io.ReadAll(c)
		*text = string(content)
		return err
	}
}

// Discard is a StoreFunc that reads to the end and keeps nothing.
func Discard(c *engram.Chunk) error {
	_, err := io.Copy(io.Discard, c)
	return err
}

// ReadFixture gives the manifest of a fixture and the content of its chunks.
func ReadFixture(t testing.TB, dir string) (*engram.Manifest, map[engram.ChunkID]Chunk) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := engram.ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	chunks := map[engram.ChunkID]Chunk{}
	for _, entry := range manifest.Entries() {
		packed, err := os.ReadFile(filepath.Join(dir, "chunks", entry.ID.String()+".jsonl.gz"))
		if err != nil {
			t.Fatal(err)
		}
		zip, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(zip)
		if err != nil {
			t.Fatal(err)
		}
		chunks[entry.ID] = Chunk{Text: string(content), Entry: entry}
	}
	return manifest, chunks
}

// Large is a chunk that doesn't fit into anybody's buffers.
func Large(bytes int) Chunk {
	row := `{"id":1,"sync_id":"obs-86a01d784ee23c9d","content":"` + strings.Repeat("some words of content\\n", 40) + `"},`
	return NewChunk(`{"sessions":null,"observations":[` + strings.Repeat(row, bytes/len(row)+1) + `{}],"prompts":null}`)
}

// Openings counts how often a chunk was opened and closed.
type Openings struct {
	Chunk Chunk

	mu             sync.Mutex
	opened, closed int
}

// Open is an OpenFunc for the content.
func (o *Openings) Open() (*engram.Chunk, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened++
	chunk, err := o.Chunk.Sized()
	if err != nil {
		return nil, err
	}
	counted := engram.NewChunk(o.Chunk.ID(), &CloseCounter{Reader: chunk, openings: o}, 1<<30)
	counted.SizeHint = chunk.SizeHint
	return counted, nil
}

// Left is how many chunks are open.
func (o *Openings) Left() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opened - o.closed
}

// Count is how often the chunk was opened.
func (o *Openings) Count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opened
}

// CloseCounter counts the first of its closes.
type CloseCounter struct {
	io.Reader
	openings *Openings
	once     sync.Once
}

// Close implements io.Closer.
func (c *CloseCounter) Close() error {
	c.once.Do(func() {
		c.openings.mu.Lock()
		defer c.openings.mu.Unlock()
		c.openings.closed++
	})
	return nil
}

// AllClosed waits until every chunk is closed: net/http closes a body when it
// is done with it, which may be after it gave the answer.
func (o *Openings) AllClosed(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); o.Left() != 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d chunks were left open", o.Left(), o.Count())
		}
	}
}

// Endless is JSON without end: one string of the same letter.
type Endless struct{ begun bool }

// Read implements io.Reader.
func (e *Endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	if !e.begun {
		e.begun = true
		return copy(p, `{"a":"`), nil
	}
	return len(p), nil
}

// Zipped is a text in gzip.
func Zipped(text string) string {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, _ = zip.Write([]byte(text))
	_ = zip.Close()
	return out.String()
}
