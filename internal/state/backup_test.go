package state_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/testkit/filekit"
)

func TestCopiesOfManifestsAreKeptApartAndPrivate(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "state"), time.Date(2026, 11, 22, 9, 15, 0, 0, time.UTC)
	seen := map[string]bool{}
	for _, c := range []struct{ path, text string }{{"/a", "one"}, {"/a", "two"}, {"/b", "one"}} {
		copied, err := state.KeepManifest(state.In(dir), c.path, []byte(c.text), now)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(copied)
		if err != nil || string(text) != c.text || seen[copied] {
			t.Errorf("%s holds %q, %v; seen before: %t", copied, text, err, seen[copied])
		}
		filekit.WantPrivate(t, copied)
		seen[copied] = true
	}
}
