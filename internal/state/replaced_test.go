package state_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
)

func TestReplacedIsRememberedForOneDirectory(t *testing.T) {
	dir := t.TempDir()
	root := state.In(dir)
	old, by := engram.IDOf([32]byte{1}), engram.IDOf([32]byte{2})
	if err := state.OpenReplaced(root, "/w/.engram").Add(old, by); err != nil {
		t.Fatal(err)
	}
	if got, ok := state.OpenReplaced(root, "/w/.engram").By(old); !ok || got != by {
		t.Errorf("%v, %v", got, ok)
	}
	if got, ok := state.OpenReplaced(root, "/other/.engram").By(old); ok {
		t.Errorf("another directory: %v", got)
	}
	// Edited back: neither is in the way of the other.
	if err := state.OpenReplaced(root, "/w/.engram").Add(by, old); err != nil {
		t.Fatal(err)
	}
	if got, ok := state.OpenReplaced(root, "/w/.engram").By(old); ok {
		t.Errorf("edited back: %v", got)
	}
	files, err := filepath.Glob(filepath.Join(dir, "replaced", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.WriteFile(files[0], []byte(`{"schema":1,"dir":"/w/.engram","chunks":7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := state.OpenReplaced(root, "/w/.engram").By(by); ok {
		t.Error("a damaged file says something")
	}
}

func TestTextsThatWereTakenOutAreKnownAndNotKept(t *testing.T) {
	dir := t.TempDir()
	root := state.In(dir)
	old, by := engram.IDOf([32]byte{1}), engram.IDOf([32]byte{2})
	pairs := map[engram.ChunkID]engram.ChunkID{old: by}
	for _, text := range []string{"a secret", "b secret"} { // a second run, after one that was killed
		if err := state.OpenReplaced(root, "/w").TakeOut(pairs, map[engram.ChunkID]map[string][]string{old: {"o1": {text}}}); err != nil {
			t.Fatal(err)
		}
	}
	r := state.OpenReplaced(root, "/w")
	texts := func(all ...string) func() []string { return func() []string { return all } }
	taken := r.TakenOut(func(engram.ChunkID) bool { return false })
	for _, text := range []string{"a secret", "b secret"} {
		if !taken("o1", texts("x", text)) {
			t.Errorf("%q is not known", text)
		}
	}
	if taken("o1", texts("secret", "a secre")) || taken("o2", func() []string { t.Error("asked for its texts"); return nil }) {
		t.Error("another text or row")
	}
	if r.TakenOut(func(id engram.ChunkID) bool { return id == old })("o1", texts("a secret")) {
		t.Error("the chunk is here again, as somebody wants it")
	}
	files, err := filepath.Glob(filepath.Join(dir, "replaced", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if text, err := os.ReadFile(files[0]); err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("%s, %v", text, err)
	}
}
