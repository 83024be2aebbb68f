package state_test

import (
	"os"
	"path/filepath"
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
