package verification_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunktext"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/verification"
)

// redactable is a side whose manifest cannot be replaced, or of which nobody can tell that it was.
type redactable struct {
	verification.Repairable
	*side

	replaces bool
}

var errDisk = errors.New("the disk is full")

func (r *redactable) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	return r.side.ReadManifest(ctx)
}

func (r *redactable) Chunks(ctx context.Context) ([]engram.ChunkID, []engram.Stray, error) {
	return r.side.Chunks(ctx)
}

func (r *redactable) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) { return r.side.OpenChunk(id) }

func (r *redactable) WriteChunk(_ context.Context, c *engram.Chunk) error {
	text, err := io.ReadAll(c)
	r.content[c.ID()] = string(text)
	return err
}

func (r *redactable) RemoveChunk(id engram.ChunkID) error { delete(r.content, id); return nil }

func (r *redactable) ReplaceManifest(_ context.Context, _ []byte, next *engram.Manifest) error {
	if r.replaces {
		r.entries = next.Entries()
	}
	return errDisk
}

func (r *redactable) AddEntries(context.Context, int, []engram.ChunkEntry) error { return errDisk }

type noState struct{ syncer.Replaced }

func (noState) By(engram.ChunkID) (by engram.ChunkID, ok bool) { return by, false }

func (noState) TakeOut(map[engram.ChunkID]engram.ChunkID, map[engram.ChunkID]map[string][]string) error {
	return nil
}

// A redaction that fails leaves no new chunk that nothing names, and keeps each that the manifest does.
func TestARedactionThatFailsTakesItsFilesBack(t *testing.T) {
	const leak = `{"sessions":null,"observations":[{"sync_id":"o1","title":"T","content":"secret"}],"prompts":null}`
	clean := engram.IDOf(sha256.Sum256([]byte(strings.ReplaceAll(leak, "secret", "***"))))
	for name, replaces := range map[string]bool{"before the manifest": false, "behind it": true} {
		t.Run(name, func(t *testing.T) {
			dir := &redactable{side: newSide(), replaces: replaces}
			old := dir.add(leak)
			_, _, err := verification.Redact(t.Context(), dir, verification.Redaction{
				Find: func(at chunktext.Text) []chunktext.Span {
					if i := strings.Index(at.Value, "secret"); i >= 0 {
						return []chunktext.Span{{Start: i, End: i + len("secret")}}
					}
					return nil
				},
				With: "***", Concurrency: 1, Replaced: noState{},
			})
			if !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			if _, there := dir.content[clean]; there != replaces {
				t.Errorf("the new file is there: %v, and the manifest names it: %v", there, replaces)
			}
			if dir.content[old] == "" {
				t.Error("the old file is gone")
			}
		})
	}
}
