package workspace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/adrg/xdg"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// inMemory is a chunk directory, each of whose chunks opens when its time has come.
type inMemory struct {
	syncer.Local // which only reads

	entries []engram.ChunkEntry
	texts   map[engram.ChunkID]string
	before  func(id engram.ChunkID)

	mu     sync.Mutex
	opened map[engram.ChunkID]int
}

// day adds a chunk with one memory of its own.
func (d *inMemory) day(n int) engram.ChunkID {
	text := fmt.Sprintf(`{"sessions":[{"id":"s%d","project":"repo","directory":"/w","started_at":"2026-10-01 08:00:00"}],"observations":[{"id":1,"sync_id":"o%d","session_id":"s%d",`+
		`"type":"note","title":"T","content":"what was learned on day %d","project":"repo","scope":"project","created_at":"2026-10-01 08:00:00"}],"prompts":null}`, n, n, n, n)
	id := engram.IDOf(sha256.Sum256([]byte(text)))
	d.texts[id] = text
	d.entries = append(d.entries, engram.ChunkEntry{ID: id, CreatedBy: "dev", CreatedAt: fmt.Sprintf("2026-10-%02dT09:00:00Z", n)})
	return id
}

func (d *inMemory) ReadManifest(context.Context) (*engram.Manifest, error) {
	text, err := json.Marshal(map[string]any{"version": 1, "chunks": d.entries})
	if err != nil {
		return nil, err
	}
	return engram.ParseManifest(text)
}

func (d *inMemory) Chunks(context.Context) (ids []engram.ChunkID, strays []engram.Stray, err error) {
	for id := range d.texts {
		ids = append(ids, id)
	}
	return ids, nil, nil
}

func (d *inMemory) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	d.before(id)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened[id]++
	c := engram.NewChunk(id, io.NopCloser(bytes.NewReader([]byte(d.texts[id]))), 1<<20)
	c.SizeHint = int64(len(d.texts[id]))
	return c, nil
}

// The first chunk leaves before the last one is read, to a server that has nothing; each is
// read once, and what the run says is what it would say else.
func TestTheFirstChunkLeavesBeforeTheLastIsRead(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	xdg.Reload()
	const days = 6
	dir := &inMemory{texts: map[engram.ChunkID]string{}, opened: map[engram.ChunkID]int{}}
	var last engram.ChunkID
	for n := range days {
		last = dir.day(n + 1)
	}
	server, front := wiretest.ProjectServer(t, projectserver.Options{})
	arrived := make(chan struct{})
	once := sync.OnceFunc(func() { close(arrived) })
	front.Instead(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/sync/push" {
			once()
		}
		return false
	})
	waiting, end := context.WithTimeout(t.Context(), 20*time.Second)
	defer end()
	dir.before = func(id engram.ChunkID) {
		if id != last {
			return
		}
		select {
		case <-arrived:
		case <-waiting.Done():
			t.Error("nothing has left before it was to be read")
		}
	}
	w := New(terminal.New(&bytes.Buffer{}, io.Discard, io.Discard), nil, "1")
	w.Config.Concurrency = 2
	aliases, err := state.OpenAliases(w.State(), front.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn := &Connection{RemoteTransport: wiretest.DialProject(t, front.URL, transport.Options{}), Label: front.URL, Project: Project{Name: "repo"}, Aliases: aliases}
	run := syncer.Options{Push: true, Concurrency: 2}
	opts := w.Comparison(conn, dir, projection.Options{})
	opts.Early = &run
	diff, err := syncer.Compare(t.Context(), dir, conn, opts)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(server.Chunks("repo")); got != days {
		t.Errorf("%d chunks went while they were compared, want %d", got, days)
	}
	result := syncer.Run(t.Context(), diff, run)
	if len(result.Moved) != days || len(result.Failed) != 0 {
		t.Fatalf("moved %v, failed %v", result.Moved, result.Failed)
	}
	for i, e := range dir.entries {
		if result.Moved[i].Local != e.ID || dir.opened[e.ID] != 1 {
			t.Errorf("item %d is %v; chunk %s was read %d times", i, result.Moved[i].Item, e.ID, dir.opened[e.ID])
		}
	}
}
