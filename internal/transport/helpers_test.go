package transport_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// somewhere is a base URL for transports whose Base never goes to a network.
const somewhere = "https://engram.example.com"

// token is a source that always gives the same one.
type token string

func (t token) Token(context.Context) (string, error) { return string(t), nil }

// base is a fake of the network.
type base func(*http.Request) (*http.Response, error)

// RoundTrip keeps the promise of every RoundTripper to close the body.
func (b base) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	return b(req)
}

// answer makes a response. headers are "Name: value"; JSON is the default type.
func answer(req *http.Request, status int, body string, headers ...string) *http.Response {
	resp := &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), Request: req,
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		resp.Header.Set(name, value)
	}
	return resp
}

// failure is an error body as an account server writes it.
func failure(text string) string { return `{"error":"` + text + `"}` + "\n" }

// dial makes a transport with a token.
func dial(t testing.TB, url string, opts transport.Options) *transport.RemoteTransport {
	t.Helper()
	remote, err := transport.NewRemoteTransport(url, token("secret-token"), opts)
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

// testChunk is the content of a chunk, with its entry.
type testChunk struct {
	text  string
	entry engram.ChunkEntry
}

func newTestChunk(text string) testChunk {
	id := engram.IDOf(sha256.Sum256([]byte(text)))
	return testChunk{text: text, entry: engram.ChunkEntry{
		ID: id, CreatedBy: "dev", CreatedAt: "2026-11-22T09:14:58Z", Sessions: 1, Memories: 2, Prompts: 3,
	}}
}

// sample is a small chunk with everything that encoders like to change.
func sample() testChunk {
	return newTestChunk(`{"sessions":[{"id":"s","project":"p","directory":"/d","started_at":"2026-11-22 09:14:57"}],` +
		`"observations":[{"id":1,"title":"\u003cb\u003e é < & >","n":1.50}], "prompts":null}`)
}

func (c testChunk) id() engram.ChunkID { return c.entry.ID }

// open is an OpenFunc for the content.
func (c testChunk) open() (*engram.Chunk, error) {
	return engram.NewChunk(c.id(), io.NopCloser(strings.NewReader(c.text)), 1<<30), nil
}

// sized is open with a true SizeHint.
func (c testChunk) sized() (*engram.Chunk, error) {
	chunk, err := c.open()
	chunk.SizeHint = int64(len(c.text))
	return chunk, err
}

// envelope is what a push of the chunk puts on the wire.
func (c testChunk) envelope(t testing.TB) string {
	t.Helper()
	entry, err := c.entry.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return `{"chunk_id":"` + c.id().String() + `","created_by":"` + c.entry.CreatedBy +
		`","engram_sync_entry":` + string(entry) + `,"data":` + c.text + "}"
}

// into is a StoreFunc that keeps what it reads, good or not.
func into(text *string) transport.StoreFunc {
	return func(c *engram.Chunk) error {
		content, err := io.ReadAll(c)
		*text = string(content)
		return err
	}
}

// discard is a StoreFunc that reads to the end and keeps nothing.
func discard(c *engram.Chunk) error {
	_, err := io.Copy(io.Discard, c)
	return err
}

// notes collects what a transport tells its user.
type notes struct {
	mu    sync.Mutex
	waits []transport.Wait
}

func (n *notes) add(w transport.Wait) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waits = append(n.waits, w)
}

func (n *notes) all() []transport.Wait {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]transport.Wait{}, n.waits...)
}

// readFixture gives the manifest of a fixture and the content of its chunks.
func readFixture(t testing.TB, dir string) (*engram.Manifest, map[engram.ChunkID]testChunk) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := engram.ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	chunks := map[engram.ChunkID]testChunk{}
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
		chunks[entry.ID] = testChunk{text: string(content), entry: entry}
	}
	return manifest, chunks
}

// oneLine fails the test unless the error is fit for a terminal and a log.
func oneLine(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }) {
		t.Errorf("control characters in %q", err)
	}
	if len(err.Error()) > 2000 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// oneClass fails the test unless the error wraps this class and no other.
func oneClass(t testing.TB, err, want error) {
	t.Helper()
	for _, class := range classes() {
		if got := errors.Is(err, class); got != errors.Is(class, want) {
			t.Errorf("error %v: is %q: %t", err, class, got)
		}
	}
}

// classes are what callers tell errors apart by.
func classes() []error {
	return []error{
		transport.ErrUnauthorized, transport.ErrUnavailable, transport.ErrRefused, transport.ErrOutcomeUnknown,
		transport.ErrNotEngram, transport.ErrNoProject, transport.ErrOtherKind, transport.ErrBadURL, transport.ErrCleartext,
		transport.ErrTLS, engram.ErrDamaged,
	}
}
