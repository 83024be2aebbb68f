package export

import (
	"context"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// directory is one with a manifest alone.
type directory struct {
	syncer.Local
	manifest *engram.Manifest
}

func (d directory) ReadManifest(context.Context) (*engram.Manifest, error) { return d.manifest, nil }

// What was found while there was no chunk directory is good for one that still has no
// chunk, and not for one into which somebody else wrote before we had its lock.
func TestWhatWasFoundBeforeThereWereChunksIsFoundAnew(t *testing.T) {
	id, err := engram.ParseChunkID("00000001")
	if err != nil {
		t.Fatal(err)
	}
	for story, entries := range map[string][]engram.ChunkEntry{"empty": nil, "written meanwhile": {{ID: id, CreatedBy: "bo", CreatedAt: "2026-11-22T09:00:00Z"}}} {
		manifest, err := engram.NewManifest().With(1, entries...)
		if err != nil {
			t.Fatal(err)
		}
		x := Run{dir: directory{manifest: manifest}}
		if found, err := x.foundAlready(t.Context()); found || err != nil {
			t.Errorf("%s: found %t, %v before anybody looked", story, found, err)
		}
		x.found.Unexported = &memories.Unexported{}
		if found, err := x.foundAlready(t.Context()); found != (entries == nil) || err != nil {
			t.Errorf("%s: found %t, %v", story, found, err)
		}
	}
}
