package verification_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/verification"
)

// memory remembers for one side, whose files have the number of their last change for a stamp.
type memory struct {
	mu     sync.Mutex
	stamps map[engram.ChunkID]int
	kept   map[engram.ChunkID]verification.Kept
}

func (m *memory) Key() readers.Key { return readers.Key{1} }

func (m *memory) Stamp(id engram.ChunkID) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stamps[id] < 0 {
		return ""
	}
	return fmt.Sprint(m.stamps[id])
}

func (m *memory) Recall(id engram.ChunkID, stamp string) ([]byte, bool) {
	k, ok := m.kept[id]
	return k.Facts, ok && k.Stamp == stamp
}

func (m *memory) Keep(chunks map[engram.ChunkID]verification.Kept) { m.kept = chunks }

// row is a chunk with one session, and one memory of a session.
func row(session, memory, of string) string {
	return fmt.Sprintf(`{"sessions":[{"id":%q,"project":"p","directory":"/w","started_at":"2026-11-22 09:00:00"}],`+
		`"observations":[{"id":1,"sync_id":%q,"session_id":%q,"type":"note","title":"t","content":"c","project":"p","scope":"project",`+
		`"created_at":"2026-11-22 09:00:00","updated_at":"2026-11-22 09:00:00"}],"prompts":null}`, session, memory, of)
}

// TestGoodChunksAreReadOnce goes through runs over a directory that changes between them. Each
// says what one says that reads everything.
func TestGoodChunksAreReadOnce(t *testing.T) {
	s, m := newSide(), &memory{stamps: map[engram.ChunkID]int{}}
	counted := func(content string) engram.ChunkID {
		id := s.add(content)
		e := &s.entries[len(s.entries)-1]
		e.Sessions, e.Memories = 1, strings.Count(content, `"title"`)
		return id
	}
	first, second := counted(row("s1", "o1", "s1")), counted(row("s2", "o2", "s1"))
	run := func(what string, opened int, want ...string) {
		t.Helper()
		full, err := verification.Verify(t.Context(), s, checking)
		if err != nil {
			t.Fatal(err)
		}
		s.opened = 0
		opts := checking
		opts.Memory = m
		r, err := verification.Verify(t.Context(), s, opts)
		if err != nil {
			t.Fatal(err)
		}
		if r.Checked != full.Checked || r.Bytes != full.Bytes {
			t.Errorf("%s: %d chunks, %d bytes, a full run says %d, %d", what, r.Checked, r.Bytes, full.Checked, full.Bytes)
		}
		if diff := cmp.Diff(findingsOf(full), findingsOf(r)); diff != "" {
			t.Errorf("%s: (-full run +this one):\n%s", what, diff)
		}
		if s.opened != opened || r.Remembered != len(s.content)-opened {
			t.Errorf("%s: %d files were opened, %d remembered, want %d opened", what, s.opened, r.Remembered, opened)
		}
		var kinds []string
		for _, f := range findingsOf(r) {
			kinds = append(kinds, f.Kind)
		}
		if diff := cmp.Diff(want, kinds); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", what, diff)
		}
	}
	run("the first run", 2)
	run("nothing has changed", 0)
	m.stamps[first]++
	run("a file was touched", 1)
	m.stamps[first] = -1
	run("it is being written", 1)
	run("it is still being written", 1)
	m.stamps[first] = 5
	run("it is at rest", 1)

	third := counted(row("s3", "o3", "nobody's"))
	run("a new chunk lacks its session", 1, string(readers.NoSession))
	run("what there is to tell about is read again", 1, string(readers.NoSession))
	counted(row("nobody's", "o4", "s2"))
	run("the session came, in another chunk", 2)
	run("all is well", 0)

	s.entries[1].Memories = 7
	run("an entry counts other rows", 0, "counts")
	run("its chunk is read again", 1, "counts")
	s.entries[1].Memories = 1
	run("the entry is right", 1)

	content := s.content[third]
	s.content[third] = content[:len(content)-1]
	m.stamps[third]++
	run("a file is cut", 1, "damaged")
	run("damage is looked at again", 1, "damaged")
	s.content[third] = content
	run("it is whole again", 1)
	m.kept[second] = verification.Kept{Stamp: m.Stamp(second), Facts: m.kept[second].Facts[:50]}
	run("facts that cannot be read are none", 1)

	opts := checking
	opts.Memory, opts.Only = m, []engram.ChunkID{first}
	s.opened = 0
	if r, err := verification.Verify(t.Context(), s, opts); err != nil || s.opened != 1 || r.Remembered != 0 || len(m.kept) != 4 {
		t.Errorf("a chunk that is named: %d opened, %+v, %d kept, error %v", s.opened, r, len(m.kept), err)
	}
}

// A file that is written while it is read is not remembered.
func TestWhatChangesMeanwhileIsNotRemembered(t *testing.T) {
	s, m := newSide(), &restless{memory: memory{stamps: map[engram.ChunkID]int{}}}
	s.add(row("s1", "o1", "s1"))
	s.entries[0].Sessions, s.entries[0].Memories = 1, 1
	opts := checking
	opts.Memory = m
	for range 2 {
		if r, err := verification.Verify(t.Context(), s, opts); err != nil || len(r.Findings) > 0 || r.Remembered > 0 || len(m.kept) > 0 {
			t.Errorf("%+v, %d kept, error %v", r, len(m.kept), err)
		}
	}
}

// restless is the memory of files that have changed whenever somebody looks.
type restless struct{ memory }

func (r *restless) Stamp(id engram.ChunkID) string {
	r.mu.Lock()
	r.stamps[id]++
	r.mu.Unlock()
	return r.memory.Stamp(id)
}
