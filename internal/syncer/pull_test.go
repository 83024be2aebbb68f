package syncer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/verification"
)

var pulling = syncer.Options{Pull: true, Concurrency: 4}

// TestBatches: the manifest is not written for each chunk of many, nor only once.
func TestBatches(t *testing.T) {
	here, there := newSide(), newSide()
	for n := range 200 {
		there.add(numbered(n))
	}
	one := pulling
	one.Concurrency = 1
	syncer.Run(t.Context(), look(t, here, there, nil), one)
	var sizes []int
	total := 0
	for _, batch := range here.batches {
		sizes = append(sizes, len(batch))
		total += len(batch)
	}
	if total != 200 || len(sizes) < 4 || len(sizes) > 10 {
		t.Errorf("batches of %v, want at least 4 that make 200", sizes)
	}
}

// TestBatchesGrow: what is written of the manifest in all is in proportion to its length.
func TestBatchesGrow(t *testing.T) {
	const chunks = 6000
	here, there := newSide(), newSide()
	for n := range chunks {
		there.add(numbered(n))
	}
	one := pulling
	one.Concurrency = 1
	syncer.Run(t.Context(), look(t, here, there, nil), one)
	listed, written := 0, 0
	for _, batch := range here.batches {
		listed += len(batch)
		written += listed
	}
	if listed != chunks || written > 12*chunks {
		t.Errorf("%d entries were written for the %d of %d chunks", written, listed, chunks)
	}
}

// TestDiskHoldsUpNothing: chunks that have come and wait for the disk let others be loaded.
func TestDiskHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which tells if they wait for ever
		here, there := newSide(), numberedSide(20)
		others := make(chan struct{})
		asked := 0
		there.fail = func(engram.ChunkID) error {
			there.mu.Lock()
			defer there.mu.Unlock()
			if asked++; asked == 2*pulling.Concurrency-1 {
				close(others)
			}
			return nil
		}
		here.fail = func(engram.ChunkID) error {
			<-others
			return nil
		}
		result := syncer.Run(t.Context(), look(t, here, there, nil), pulling)
		if len(result.Moved) != 20 {
			t.Errorf("%d chunks have moved, want 20", len(result.Moved))
		}
	})
}

// TestManifestFails: a chunk whose entry can't be written has not been pulled.
// An earlier failure that mended itself does not count.
func TestManifestFails(t *testing.T) {
	full := errors.New("disk full")
	for _, c := range []struct {
		name            string
		failures, moved int
	}{{"for good", 1000, 0}, {"at first", 1, 100}} {
		t.Run(c.name, func(t *testing.T) {
			here, there := newSide(), newSide()
			for n := range 100 {
				there.add(numbered(n))
			}
			calls := 0
			here.addEntries = func() error {
				if calls++; calls <= c.failures {
					return full
				}
				return nil
			}
			result := syncer.Run(t.Context(), look(t, here, there, nil), pulling)
			if len(result.Moved) != c.moved || len(result.Failed) != 100-c.moved {
				t.Fatalf("%d moved, %d failed", len(result.Moved), len(result.Failed))
			}
			for _, f := range result.Failed {
				if !errors.Is(f.Err, full) {
					t.Fatalf("%v", f.Err)
				}
			}
			// the files are there, so the next run adopts them or finds them listed
			here.addEntries = nil
			syncer.Run(t.Context(), look(t, here, there, nil), pulling)
			if len(here.entries) != 100 {
				t.Errorf("%d entries after the next run, want 100", len(here.entries))
			}
		})
	}
}

// TestEntry is about what the manifest says of a pulled chunk.
func TestEntry(t *testing.T) {
	id := idOf(numbered(1))
	for _, c := range []struct {
		name   string
		listed string             // created_at in the server's manifest
		sent   *engram.ChunkEntry // by the pusher
		want   engram.ChunkEntry
	}{
		{"the pusher's", "2026-11-22T10:00:00Z",
			&engram.ChunkEntry{ID: id, CreatedBy: "alice", CreatedAt: "2026-11-20T08:00:00+02:00", Memories: 7},
			engram.ChunkEntry{ID: id, CreatedBy: "alice", CreatedAt: "2026-11-20T08:00:00+02:00", Memories: 7}},
		// Chunks that were sent in one second stay in their order.
		{"the server's: UTC, with its fraction", "2026-11-22T05:00:00.9999998-05:00", nil,
			engram.ChunkEntry{ID: id, CreatedBy: "vm", CreatedAt: "2026-11-22T10:00:00.999999Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, there := newSide(), newSide()
			there.add(numbered(1))
			there.entries[0].CreatedAt = c.listed
			there.sent = c.sent
			syncer.Run(t.Context(), look(t, here, there, nil), pulling)
			if diff := cmp.Diff([]engram.ChunkEntry{c.want}, here.entries, cmp.Comparer(sameEntry)); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFuture: a time in the future, from whomever, would stop every later
// export of engram.
func TestFuture(t *testing.T) {
	for _, sent := range []*engram.ChunkEntry{nil, {ID: idOf(numbered(1)), CreatedBy: "mallory", CreatedAt: "2999-01-01T00:00:00Z"}} {
		here, there := newSide(), newSide()
		there.add(numbered(1))
		there.entries[0].CreatedAt = "2999-01-01T00:00:00Z"
		there.sent = sent
		before := time.Now().Add(-2 * time.Second)
		syncer.Run(t.Context(), look(t, here, there, nil), pulling)
		if at := here.entries[0].Time(); at.After(time.Now()) || at.Before(before) {
			t.Errorf("created_at is %s", at)
		}
	}
}

// TestReduced: it is restored under the id that fits, and is not pulled or pushed ever
// after, on a machine that has it by git as well. The true chunk retires it.
func TestReduced(t *testing.T) {
	here, there := newSide(), newSide()
	content := `{"sessions":[{"id":"s","project":"p","directory":"/d","started_at":"2026-11-22 09:00:00"}],"observations":[` +
		`{"id":7,"sync_id":"obs-7","session_id":"s","type":"note","title":"T","content":"C","tool_name":"","scope":"project","revision_count":3,` +
		`"duplicate_count":1,"created_at":"2026-11-22 09:10:00","updated_at":"2026-11-22 09:11:00"}],"prompts":null}`
	reduced := `{"sessions":[{"id":"s","project":"p","directory":"/d","started_at":"2026-11-22 09:00:00"}],` +
		`"observations":[{"session_id":"s","type":"note","title":"T","content":"C","scope":"project"}],"prompts":null}`
	old := idOf(content)
	there.entries = []engram.ChunkEntry{entryOf(old)}
	there.reduced = map[engram.ChunkID]string{old: reduced}
	known := aliases{}

	strict := both
	strict.Strict = true
	result := syncer.Run(t.Context(), look(t, here, there, known), strict)
	var refused *engram.ReducedError
	if len(result.Failed) != 1 || !errors.As(result.Failed[0].Err, &refused) || len(here.content) != 0 {
		t.Fatalf("failed %v; %d chunks here", result.Failed, len(here.content))
	}
	result = syncer.Run(t.Context(), look(t, here, there, known), both)
	if len(result.Moved) != 1 || !result.Moved[0].Restored || len(result.Failed) > 0 {
		t.Fatalf("moved %+v, failed %v", result.Moved, result.Failed)
	}
	restored := result.Moved[0].Local
	if e := here.entries[0]; e.ID != restored || known[old] != restored || e.Sessions != 1 || e.Memories != 1 || e.Prompts != 0 {
		t.Errorf("entry %+v, alias %s, want %s", e, known[old], restored)
	}
	if text := here.content[restored]; !strings.Contains(text, `"sync_id":"obs-`) || strings.Contains(text, "obs-7") {
		t.Errorf("restored is %s", text)
	}
	for name, known := range map[string]aliases{"the machine that restored it": known, "one that has it by git": {}} {
		if diff := look(t, here, there, known); !diff.Clean() || len(diff.Present) != 1 || len(diff.Twins) != 0 {
			t.Errorf("%s: %d to push, %d to pull, twins %v", name, len(diff.ToPush), len(diff.ToPull), diff.Twins)
		}
	}

	here.add(content)
	for name, known := range map[string]aliases{"the machine that restored it": known, "one that has it by git": {}} {
		want := []recognition.Twin{{Restored: restored, True: old}}
		diff := look(t, here, there, known)
		if !diff.Clean() || len(diff.Present) != 1 || diff.Present[0].Local != old || !slices.Equal(diff.Twins, want) {
			t.Errorf("%s: %d to push, %d to pull, twins %v", name, len(diff.ToPush), len(diff.ToPull), diff.Twins)
		}
	}
	report, err := verification.Verify(t.Context(), local{here}, verification.Options{})
	var twin *verification.TwinError
	if err != nil || len(report.Findings) == 0 || !errors.As(report.Findings[0].Err, &twin) || twin.Restored != restored || twin.True != old {
		t.Errorf("findings %+v, %v", report.Findings, err)
	}
}

// TestAdopt takes in files that no manifest names, with a time that hides no
// memory from engram's next export.
func TestAdopt(t *testing.T) {
	here, there := newSide(), newSide()
	here.add(numbered(1)) // whose entry is of 2026-11-22T09:15:00Z
	old := `{"sessions":[{"id":"s","started_at":"2026-11-21 08:00:00"}],"observations":[{"id":1,"session_id":"s","created_at":"2026-11-21 09:00:00"}]}`
	newer := `{"prompts":[{"id":1,"session_id":"s","created_at":"2026-11-23 01:00:00"}]}`
	here.content[idOf(old)] = old
	here.content[idOf(newer)] = newer
	bad := idOf(numbered(9))
	here.content[bad] = numbered(8)

	for _, dryRun := range []bool{true, false} {
		next, a, err := look(t, here, there, nil).Adopt(t.Context(), pulling, dryRun)
		if err != nil || len(a.Adopted) != 2 || len(next.ToPush) != 3 || len(next.Orphans) != 1 {
			t.Errorf("adopted %v, to push %v, %v", a.Adopted, next.ToPush, err)
		}
		if dryRun && len(here.entries) != 1 {
			t.Errorf("a dry run has written %v", here.entries)
		}
		if len(a.Failed) != 1 || a.Failed[0].ID != bad.String() {
			t.Errorf("failed %v", a.Failed)
		}
	}
	result := syncer.Run(t.Context(), look(t, here, there, nil), pulling)
	if diff := cmp.Diff([]string(nil), failedIDs(result)); diff != "" {
		t.Errorf("failed (-want +got):\n%s", diff)
	}
	want := map[string]engram.ChunkEntry{
		idOf(old).String():   {ID: idOf(old), CreatedBy: "unknown", CreatedAt: "2026-11-21T09:00:00Z", Sessions: 1, Memories: 1},
		idOf(newer).String(): {ID: idOf(newer), CreatedBy: "unknown", CreatedAt: "2026-11-22T09:15:00Z", Prompts: 1},
	}
	got := map[string]engram.ChunkEntry{}
	for _, e := range here.entries[1:] {
		got[e.ID.String()] = e
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(sameEntry)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func sameEntry(a, b engram.ChunkEntry) bool {
	x, errX := a.MarshalJSON()
	y, errY := b.MarshalJSON()
	return errX == nil && errY == nil && string(x) == string(y)
}
