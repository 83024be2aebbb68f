package syncer_test

import (
	"context"
	"errors"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// What was stored gets its entry, whatever happens to the others.
func TestExportKeepsWhatWasStored(t *testing.T) {
	drafts := draft(t, manyRows(), 2000)
	broken := errors.New("no space")
	here := newSide()
	here.fail = func(id engram.ChunkID) error {
		if id == drafts[1].Entry.ID {
			return broken
		}
		return nil
	}
	written, failed := syncer.Export(t.Context(), local{here}, 1, drafts)
	if len(failed) != 1 || failed[0].ID != drafts[1].Entry.ID.String() || !errors.Is(failed[0].Err, broken) {
		t.Errorf("failed: %v", failed)
	}
	if len(written) != len(drafts)-1 || len(here.entries) != len(written) || here.entries[0] != drafts[0].Entry {
		t.Errorf("%d written, entries %v", len(written), here.entries)
	}
}

func TestExportThatIsInterruptedKeepsWhatWasStored(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	drafts := draft(t, manyRows(), 2000)
	here := newSide()
	here.fail = func(id engram.ChunkID) error {
		if id == drafts[0].Entry.ID {
			interrupt()
		}
		return nil
	}
	written, failed := syncer.Export(ctx, local{here}, 1, drafts)
	if len(written) != 1 || len(here.entries) != 1 || len(failed) != len(drafts)-1 || !errors.Is(failed[0].Err, context.Canceled) {
		t.Errorf("%d written, %d entries, failed: %v", len(written), len(here.entries), failed)
	}
}

func TestExportWithoutAManifestFails(t *testing.T) {
	here := newSide()
	here.addEntries = func() error { return errors.New("read-only") }
	drafts := draft(t, manyRows(), 1<<20)
	if written, failed := syncer.Export(t.Context(), local{here}, 1, drafts); len(written) > 0 || len(failed) != len(drafts) {
		t.Errorf("%d written, failed: %v", len(written), failed)
	}
}
