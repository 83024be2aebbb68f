package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
)

// What a server is belongs to its URL, can be forgotten, and is only a hint: what
// can't be read is nothing.
func TestWhatAServerIsIsRemembered(t *testing.T) {
	dir := t.TempDir()
	const one, two = "https://one.example", "https://two.example"
	known := state.Server{Kind: "project", Generation: engram.Gen2, OrLater: true}
	state.WriteServer(state.In(dir), one, known)
	if got := state.ReadServer(state.In(dir), one); got != known {
		t.Errorf("got %+v", got)
	}
	if got := state.ReadServer(state.In(dir), two); got != (state.Server{}) {
		t.Errorf("another server is known as %+v", got)
	}
	files, err := filepath.Glob(filepath.Join(dir, "servers", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte(`{"kind":"project","generation":"?"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := state.ReadServer(state.In(dir), one); got != (state.Server{}) {
		t.Errorf("of a broken file: %+v", got)
	}
	state.WriteServer(state.In(dir), one, state.Server{})
	if _, err := os.Stat(files[0]); !os.IsNotExist(err) {
		t.Errorf("it was not forgotten: %v", err)
	}
}
