package adoption_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/adoption"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// directory has chunks, and the entries that it was given.
type directory struct {
	texts   map[engram.ChunkID]string
	entries []engram.ChunkEntry
	version int
}

func (d *directory) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	text, ok := d.texts[id]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return engram.NewChunk(id, io.NopCloser(strings.NewReader(text)), int64(len(text))), nil
}

func (d *directory) AddEntries(_ context.Context, version int, entries []engram.ChunkEntry) error {
	d.version, d.entries = version, append(d.entries, entries...)
	return nil
}

func (d *directory) add(text string) engram.ChunkID {
	id := engram.IDOf(sha256.Sum256([]byte(text)))
	d.texts[id] = text
	return id
}

// Where nothing but the chunk files is left, what only speaks of rows is listed behind
// the rows, and no file that is damaged.
func TestAdoptedInOrder(t *testing.T) {
	dir := &directory{texts: map[engram.ChunkID]string{}}
	var want []engram.ChunkID
	for _, text := range []string{
		`{"prompts":[{"id":1,"created_at":"2026-11-23 01:00:00"}]}`,
		`{"observations":[{"id":1,"created_at":"2026-11-23 01:00:00","updated_at":"2026-11-23 01:00:01"}]}`,
		`{"sessions":[{"id":"s","ownership_mode":"project_owned","started_at":"2026-11-23 01:00:05"}]}`,
		`{"mutations":[{"entity":"observation","entity_key":"o","op":"delete"}]}`,
	} {
		want = append(want, dir.add(text))
	}
	bad := dir.add("{}")
	dir.texts[bad] = "{ }"
	orphans := slices.SortedFunc(maps.Keys(dir.texts), engram.ChunkID.Compare)
	done := adoption.Adopt(t.Context(), dir, engram.NewManifest(), orphans, 1)
	if len(done.Failed) != 1 || done.Failed[0].ID != bad.String() || !errors.Is(done.Failed[0].Err, adoption.ErrUnlisted) {
		t.Errorf("failed: %v", done.Failed)
	}
	slices.SortStableFunc(dir.entries, engram.ChunkEntry.Compare) // as directories do
	var listed []engram.ChunkID
	for _, e := range dir.entries {
		listed = append(listed, e.ID)
	}
	if !slices.Equal(listed, want) || len(done.Adopted) != len(want) || dir.version != 2 {
		t.Errorf("version %d lists %v, want 2 and %v; adopted %v", dir.version, listed, want, done.Adopted)
	}
}
