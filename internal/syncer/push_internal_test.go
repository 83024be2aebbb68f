package syncer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// texts are chunks by their ids, in a Local of which only OpenChunk is called.
type texts struct {
	Local
	of map[engram.ChunkID]string
}

func (t texts) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	return engram.NewChunk(id, io.NopCloser(strings.NewReader(t.of[id])), 1<<20), nil
}

// pushing makes the items that push these chunks to a server, one after the other.
func pushing(server Remote, chunks ...toPush) (*Diff, []Item) {
	dir := texts{of: map[engram.ChunkID]string{}}
	s := &Diff{local: dir, remote: server, Match: &recognition.Match{}}
	for _, c := range chunks {
		id := engram.IDOf(sha256.Sum256([]byte(c.text)))
		dir.of[id] = c.text
		s.ToPush = append(s.ToPush, Item{Local: id, Remote: id, Entry: &engram.ChunkEntry{ID: id, CreatedAt: "2026-11-01T10:" + c.at + "Z"}})
	}
	return s, s.ToPush
}

type toPush struct{ at, text string }

func observed(name, title string) string {
	return fmt.Sprintf(`{"observations":[{"sync_id":%q,"session_id":"s","title":%q,"content":"c"}]}`, name, title)
}

// Whoever says something else of a row than one that failed for now is left to the next
// run, and whoever says something else than that one; nobody else, and not for a refusal.
func TestWhoWaits(t *testing.T) {
	busy, refused := errors.New("busy"), errors.New("refused")
	for _, why := range []error{busy, refused} {
		server := &failing{err: why}
		s, items := pushing(server,
			toPush{at: "00:00", text: observed("o", "1")}, toPush{at: "00:00", text: observed("p", "1")},
			toPush{at: "00:01", text: observed("o", "2")}, toPush{at: "00:01", text: observed("o", "1") + " "},
			toPush{at: "00:02", text: observed("o", "1") + "  "},
		)
		server.first = items[0].Local
		var result Result
		push(t.Context(), s, Options{Concurrency: 1, Passing: func(err error) bool { return errors.Is(err, busy) }}, &result)
		want := []engram.ChunkID{items[1].Local, items[3].Local}
		if errors.Is(why, refused) {
			want = []engram.ChunkID{items[1].Local, items[3].Local, items[2].Local, items[4].Local}
		}
		if !slices.Equal(server.stored, want) {
			t.Errorf("%v: %v are there, not %v", why, server.stored, want)
		}
		for _, f := range result.Failed {
			if f.ID != items[0].Local.String() && (!errors.Is(f.Err, ErrNotTried) || !errors.Is(f.Err, busy)) {
				t.Errorf("%s: %v", f.ID, f.Err)
			}
		}
	}
}

// failing is a server that takes all chunks but one.
type failing struct {
	Remote
	first  engram.ChunkID
	err    error
	stored []engram.ChunkID
}

func (r *failing) WriteChunk(_ context.Context, e engram.ChunkEntry, open func() (*engram.Chunk, error)) error {
	if e.ID == r.first {
		return r.err
	}
	c, err := open()
	if err == nil {
		_, err = io.Copy(io.Discard, c)
	}
	r.stored = append(r.stored, e.ID)
	return err
}

func (r *failing) ReadManifest(context.Context) (*engram.Manifest, error) {
	m := engram.NewManifest()
	for _, id := range r.stored {
		var err error
		if m, err = m.With(1, engram.ChunkEntry{ID: id, CreatedAt: "2026-11-01T10:00:00Z"}); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// sentBefore is an earlier run, which may have sent a chunk.
type sentBefore struct{ id engram.ChunkID }

func (n sentBefore) Left() ([]engram.ChunkID, time.Duration) { return []engram.ChunkID{n.id}, 0 }
func (n sentBefore) Note([]engram.ChunkID) error             { return nil }
func (n sentBefore) End([]engram.ChunkID)                    {}

// What an earlier run may have sent is looked for, and what is about its rows goes behind.
func TestBehindWhatMayBeThere(t *testing.T) {
	server := &failing{}
	s, items := pushing(server,
		toPush{at: "00:00", text: observed("o", "1")}, toPush{at: "00:01", text: observed("o", "2")},
		toPush{at: "00:02", text: observed("o", "3")}, toPush{at: "00:03", text: observed("p", "1")},
	)
	push(t.Context(), s, Options{Concurrency: 1, InFlight: sentBefore{items[0].Local}}, &Result{})
	want := []engram.ChunkID{items[3].Local, items[0].Local, items[1].Local, items[2].Local}
	if !slices.Equal(server.stored, want) {
		t.Errorf("they arrived as %v, not %v", server.stored, want)
	}
}
