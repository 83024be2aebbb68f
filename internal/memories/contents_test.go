package memories_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
)

// More rows than should be in memory at once come out as they went in, and leave
// nothing behind.
func TestManyRowsArePutAside(t *testing.T) {
	aside := t.TempDir()
	t.Setenv("TMPDIR", aside)
	t.Setenv("TMP", aside)
	m := database{sessions: []engram.Session{session}}
	for i := range 200 {
		o := note(fmt.Sprintf("obs-%d", i), "08:00", strings.Repeat(string(rune('a'+i%26)), 60<<10), 1)
		o.ID = int64(i)
		m.observations = append(m.observations, o)
	}
	found := find(t, m, heldIn(t), memories.Scope{})
	drafts, err := collect(found.Drafts(1<<20, "me", newest, now))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, rows := range contents(t, drafts) {
		for _, o := range rows.Observations {
			if want := m.observations[o.ID]; o.SyncID != want.SyncID || o.Content != want.Content {
				t.Fatalf("%s came as %s", want.SyncID, o.SyncID)
			}
			n++
		}
	}
	if n != len(m.observations) {
		t.Errorf("%d rows of %d", n, len(m.observations))
	}
	if err := found.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(aside); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
