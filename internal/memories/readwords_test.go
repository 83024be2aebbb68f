package memories_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/words"
)

// chunkFiles are chunk files in memory, which notes who is opened.
type chunkFiles struct {
	texts  map[engram.ChunkID]string
	stamps map[engram.ChunkID]string

	mu     sync.Mutex
	opened []engram.ChunkID
}

func (f *chunkFiles) Stamp(id engram.ChunkID) (string, int64, error) {
	text, ok := f.texts[id]
	if !ok {
		return "", 0, fs.ErrNotExist
	}
	return f.stamps[id], int64(len(text)), nil
}

func (f *chunkFiles) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, id)
	return engram.NewChunk(id, io.NopCloser(strings.NewReader(f.texts[id])), 1<<20), nil
}

func (f *chunkFiles) add(text string) engram.ChunkEntry {
	id := engram.IDOf(sha256.Sum256([]byte(text)))
	f.texts[id], f.stamps[id] = text, "old"
	return engram.ChunkEntry{ID: id}
}

// index is an index in memory.
type index map[string][]words.Word

func (x index) Read(id engram.ChunkID, stamp string) ([]words.Word, bool) {
	said, ok := x[id.String()+stamp]
	return said, ok
}

func (x index) Add(id engram.ChunkID, stamp string, said []words.Word) {
	x[id.String()+stamp] = said
}

func newChunkFiles() (*chunkFiles, []engram.ChunkEntry) {
	f := &chunkFiles{texts: map[engram.ChunkID]string{}, stamps: map[engram.ChunkID]string{}}
	return f, []engram.ChunkEntry{
		f.add(`{"observations":[{"sync_id":"obs-1","session_id":"s"}]}`),
		f.add(`{"prompts":[{"sync_id":"prompt-1","session_id":"s"}]}`),
	}
}

func TestReadHeldReadsEachFileOnce(t *testing.T) {
	files, entries := newChunkFiles()
	known := index{}
	read := func(want ...engram.ChunkID) {
		t.Helper()
		files.opened = nil
		held, failed, err := memories.ReadWords(t.Context(), files, entries, nil, known, 1<<20, 2, nil)
		if err != nil || len(failed) > 0 {
			t.Fatal(failed, err)
		}
		slices.SortFunc(files.opened, engram.ChunkID.Compare)
		slices.SortFunc(want, engram.ChunkID.Compare)
		if !slices.Equal(files.opened, want) {
			t.Errorf("opened %v, want %v", files.opened, want)
		}
		m := database{observations: []engram.Observation{{SyncID: "obs-1", SessionID: "s"}}, prompts: []engram.Prompt{{SyncID: "prompt-1", SessionID: "s"}}}
		if found := find(t, m, held, memories.Scope{}); len(found.Rows) > 0 {
			t.Errorf("left behind: %v", shown(found))
		}
	}
	read(entries[0].ID, entries[1].ID)
	read()
	files.stamps[entries[1].ID] = "new"
	read(entries[1].ID)
	third := files.add(`{"sessions":[]}`)
	entries = append(entries, third)
	read(third.ID)
}

// What cannot be read holds nothing, is told, and is not remembered.
func TestReadHeldOfFilesThatAreNoGood(t *testing.T) {
	files, entries := newChunkFiles()
	files.texts[entries[0].ID] += " "
	delete(files.texts, entries[1].ID)
	odd := files.add(`{"observations":[7]}`)
	known := index{}
	_, failed, err := memories.ReadWords(t.Context(), files, append(entries, odd), nil, known, 1<<20, 2, nil)
	if err != nil || len(failed) != 3 || len(known) > 0 {
		t.Fatalf("%v, %v, remembered %v", failed, err, known)
	}
	for i, want := range []error{engram.ErrDamaged, engram.ErrNoFile, engram.ErrDamaged} {
		if !errors.Is(failed[i].Err, want) {
			t.Errorf("%v, want %v", failed[i].Err, want)
		}
	}
}

func TestReadHeldReadsNotMoreThanIsAllowed(t *testing.T) {
	files, entries := newChunkFiles()
	known := index{}
	if _, _, err := memories.ReadWords(t.Context(), files, entries, nil, known, 60, 2, nil); !errors.Is(err, memories.ErrTooMuch) || len(files.opened) > 0 {
		t.Errorf("%v, opened %v", err, files.opened)
	}
	// What is known already costs nothing.
	if _, _, err := memories.ReadWords(t.Context(), files, entries[:1], nil, known, 60, 2, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := memories.ReadWords(t.Context(), files, entries, nil, known, 60, 2, nil); err != nil {
		t.Error(err)
	}
}
