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

// texts are chunks by their ids.
type texts map[engram.ChunkID]string

func (t texts) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	return engram.NewChunk(id, io.NopCloser(strings.NewReader(t[id])), 1<<20), nil
}

// directory is a Local of which only OpenChunk is called.
type directory struct {
	Local
	texts
}

func (d directory) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) { return d.texts.OpenChunk(id) }

// pushing makes the items that push these chunks, each a part of its own, one after the
// other, in a directory of them.
func pushing(chunks ...toPush) (*Diff, []Item) {
	dir := directory{texts: texts{}}
	s := &Diff{local: dir, Match: &recognition.Match{Projected: map[engram.ChunkID]recognition.Projection{}}}
	var items []Item
	for _, c := range chunks {
		id := engram.IDOf(sha256.Sum256([]byte(c.text)))
		dir.texts[id] = c.text
		part := recognition.Part{ID: id, Provides: c.provides, Needs: c.needs}
		s.Projected[id] = recognition.Projection{Parts: []recognition.Part{part}}
		items = append(items, Item{Local: id, Remote: id, Entry: engram.ChunkEntry{ID: id, CreatedAt: "2026-11-01T10:" + c.at + "Z"}})
	}
	return s, items
}

type toPush struct {
	at, text        string
	provides, needs []string
}

func observed(name, title string) string {
	return fmt.Sprintf(`{"observations":[{"sync_id":%q,"session_id":"s","title":%q,"content":"c"}]}`, name, title)
}

func mutated(entity, key, op, payload string) string {
	return fmt.Sprintf(`{"mutations":[{"entity":%q,"entity_key":%q,"op":%q,"payload":%q}]}`, entity, key, op, payload)
}

// Of chunks that say different things of one row the older one goes first; what brings a
// session goes ahead of what needs it, whatever the times say; and the rest goes at once.
func TestStages(t *testing.T) {
	gone := mutated("observation", "o", "delete", `{"sync_id":"o","hard_delete":true}`)
	related := mutated("relation", "r", "upsert", `{"sync_id":"r","source_id":"o","target_id":"p"}`)
	ended := `{"sessions":[{"id":"s","ended_at":"2026-11-01 10:00:00"}]}`
	begun := func(at string) string { return fmt.Sprintf(`{"sessions":[{"id":"s","started_at":%q}]}`, at) }
	for name, test := range map[string]struct {
		chunks []toPush
		want   []int
	}{
		"different rows":        {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:00.000001", text: observed("p", "1")}}, []int{0, 0}},
		"an edit":               {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:01", text: observed("o", "2")}}, []int{0, 1}},
		"a deletion":            {[]toPush{{at: "00:00.000001", text: gone}, {at: "00:00", text: observed("o", "1")}}, []int{1, 0}},
		"one of many days":      {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:00.1", text: observed("q", "1")}, {at: "09:00", text: gone}}, []int{0, 0, 1}},
		"a relation":            {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:01", text: observed("p", "1")}, {at: "00:02", text: related}, {at: "00:03", text: gone}}, []int{0, 0, 1, 2}},
		"equal rows":            {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:01", text: observed("o", "1") + " "}, {at: "00:02", text: gone}}, []int{0, 0, 1}},
		"equal ones behind":     {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:01", text: gone}, {at: "00:02", text: gone + " "}}, []int{0, 1, 1}},
		"sessions of machines":  {[]toPush{{at: "00:00", text: begun("8")}, {at: "00:01", text: begun("9")}, {at: "00:02", text: ended}}, []int{0, 0, 1}},
		"a session with rows":   {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:01", text: mutated("session", "s", "delete", `{"id":"s"}`)}}, []int{0, 1}},
		"a later one is needed": {[]toPush{{at: "00:00", text: "{}", needs: []string{"s"}}, {at: "00:01", text: "{} ", provides: []string{"s"}}}, []int{1, 0}},
		"the first that brings it": {[]toPush{
			{at: "00:00", text: "{}", needs: []string{"s"}}, {at: "00:01", text: observed("o", "1"), provides: []string{"s"}},
			{at: "00:02", text: observed("o", "2"), provides: []string{"s"}},
		}, []int{1, 0, 1}},
		"needed by one that is needed": {[]toPush{
			{at: "00:00", text: "{}", needs: []string{"t"}}, {at: "05:00", text: "{} ", needs: []string{"s"}, provides: []string{"t"}},
			{at: "09:00", text: "{}  ", provides: []string{"s"}},
		}, []int{2, 1, 0}},
		"a row that waits": {[]toPush{
			{at: "00:00", text: observed("o", "1"), needs: []string{"s"}}, {at: "00:01", text: gone}, {at: "00:02", text: "{}", provides: []string{"s"}},
		}, []int{1, 2, 0}},
		"each needs the other": {[]toPush{
			{at: "00:00", text: "{}", needs: []string{"s"}, provides: []string{"t"}}, {at: "00:01", text: "{} ", needs: []string{"t"}, provides: []string{"s"}},
		}, []int{1, 0}},
		"what nobody can read": {[]toPush{{at: "00:00", text: "["}, {at: "00:01", text: observed("o", "1")}}, []int{0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s, items := pushing(test.chunks...)
			_, arranged := s.arrange(t.Context(), items, Options{Concurrency: 2})
			var got []int
			for _, item := range arranged {
				got = append(got, item.Stage)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("the stages are %v, not %v", got, test.want)
			}
		})
	}
}

// The parts of one chunk go at once, unless one deletes what another brings.
func TestStagesOfParts(t *testing.T) {
	for text, want := range map[string][]int{
		observed("o", "1"): {0, 0, 0},
		strings.TrimSuffix(observed("o", "1"), "}") + "," + strings.TrimPrefix(mutated("observation", "o", "delete", `{"sync_id":"o"}`), "{"): {0, 1, 2},
	} {
		s, items := pushing(toPush{at: "00:00", text: text})
		items = []Item{items[0], items[0], items[0]}
		_, arranged := s.arrange(t.Context(), items, Options{Concurrency: 2})
		for i, item := range arranged {
			if item.Stage != want[i] {
				t.Errorf("%s: part %d is of stage %d, not %d", text, i, item.Stage, want[i])
			}
		}
	}
}

// Whoever says something else of a row than one that failed for now is left to the next
// run, and whoever says something else than that one; nobody else, and not for a refusal.
func TestWhoWaits(t *testing.T) {
	busy, refused := errors.New("busy"), errors.New("refused")
	for _, why := range []error{busy, refused} {
		s, items := pushing(
			toPush{at: "00:00", text: observed("o", "1")}, toPush{at: "00:00", text: observed("p", "1")},
			toPush{at: "00:01", text: observed("o", "2")}, toPush{at: "00:01", text: observed("o", "1") + " "},
			toPush{at: "00:02", text: observed("o", "1") + "  "},
		)
		server := &failing{first: items[0].Local, err: why}
		s.remote, s.Projected = server, nil
		var result Result
		s.ToPush = items
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

// BenchmarkStages is what the order costs, but for the reading: it grows with the rows.
func BenchmarkStages(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		var chunks []toPush
		start := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
		for i := range n {
			chunks = append(chunks, toPush{
				at: start.Add(time.Duration(i%50) * time.Minute).Format("04:05"), text: observed(fmt.Sprint("o", i), "1"),
				provides: []string{fmt.Sprint("s", i/10)}, needs: []string{fmt.Sprint("s", i/10+1)},
			})
		}
		s, items := pushing(chunks...)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				s.arrange(b.Context(), items, Options{Concurrency: 1})
			}
		})
	}
}

// sentBefore is an earlier run, which may have sent a chunk.
type sentBefore struct{ id engram.ChunkID }

func (n sentBefore) Left() ([]engram.ChunkID, time.Duration) { return []engram.ChunkID{n.id}, 0 }
func (n sentBefore) Note([]engram.ChunkID) error             { return nil }
func (n sentBefore) End([]engram.ChunkID)                    {}

// What an earlier run may have sent is looked for, and what is about its rows goes behind.
func TestBehindWhatMayBeThere(t *testing.T) {
	s, items := pushing(
		toPush{at: "00:00", text: observed("o", "1")}, toPush{at: "00:01", text: observed("o", "2")},
		toPush{at: "00:02", text: observed("o", "3")}, toPush{at: "00:03", text: observed("p", "1")},
	)
	server := &failing{}
	s.remote, s.Projected, s.ToPush = server, nil, items
	push(t.Context(), s, Options{Concurrency: 1, InFlight: sentBefore{items[0].Local}}, &Result{})
	want := []engram.ChunkID{items[3].Local, items[0].Local, items[1].Local, items[2].Local}
	if !slices.Equal(server.stored, want) {
		t.Errorf("they arrived as %v, not %v", server.stored, want)
	}
}
