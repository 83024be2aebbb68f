package memories_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
)

// shelf is a chunk directory in memory, which may refuse.
type shelf struct {
	entries    []engram.ChunkEntry
	fail       func(engram.ChunkID) error
	addEntries func() error
}

func (s *shelf) WriteChunk(_ context.Context, c *engram.Chunk) error {
	if s.fail != nil {
		if err := s.fail(c.ID()); err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, c)
	return err
}

func (s *shelf) AddEntries(_ context.Context, _ int, entries []engram.ChunkEntry) error {
	if s.addEntries != nil {
		return s.addEntries()
	}
	s.entries = append(s.entries, entries...)
	return nil
}

// What was stored gets its entry, whatever happens to the others.
func TestExportKeepsWhatWasStored(t *testing.T) {
	drafts := draft(t, manyRows(), 2000)
	broken := errors.New("no space")
	here := &shelf{}
	here.fail = func(id engram.ChunkID) error {
		if id == drafts[1].Entry.ID {
			return broken
		}
		return nil
	}
	written, failed, _ := memories.Export(t.Context(), here, 1, inTurn(drafts))
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
	here := &shelf{}
	here.fail = func(id engram.ChunkID) error {
		if id == drafts[0].Entry.ID {
			interrupt()
		}
		<-ctx.Done()
		return nil
	}
	written, failed, _ := memories.Export(ctx, here, 1, inTurn(drafts))
	// Of those that are stored at the same time another one may be as far.
	if len(written) == 0 || len(written) > 2 || written[0].Entry != drafts[0].Entry || len(here.entries) != len(written) ||
		len(failed) != len(drafts)-len(written) || !errors.Is(failed[0].Err, context.Canceled) {
		t.Errorf("%d written, %d entries, failed: %v", len(written), len(here.entries), failed)
	}
}

func TestExportWithoutAManifestFails(t *testing.T) {
	here := &shelf{}
	here.addEntries = func() error { return errors.New("read-only") }
	drafts := draft(t, manyRows(), 1<<20)
	if written, failed, _ := memories.Export(t.Context(), here, 1, inTurn(drafts)); len(written) > 0 || len(failed) != len(drafts) {
		t.Errorf("%d written, failed: %v", len(written), failed)
	}
}

// A relation without its end stops who imports it, so it waits for the rows.
func TestMutationsWaitForTheRowsBeforeThem(t *testing.T) {
	m, said := everyKind()
	drafts, err := collect(find(t, m, heldIn(t, said...), memories.Scope{Project: "repo"}).Drafts(1<<20, "me", newest, now))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no space")
	here := &shelf{}
	here.fail = func(id engram.ChunkID) error {
		if id == drafts[0].Entry.ID {
			return broken
		}
		return nil
	}
	written, failed, _ := memories.Export(t.Context(), here, 1, inTurn(drafts))
	if len(written) > 0 || len(failed) != 2 || !errors.Is(failed[1].Err, broken) {
		t.Errorf("%d written, failed: %v", len(written), failed)
	}
}
