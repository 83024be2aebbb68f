package state_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/state"
)

// A word holds for what it was given for until it is taken back. A file that was
// copied, renamed or spoiled is none.
func TestWords(t *testing.T) {
	root := state.In(filepath.Join(t.TempDir(), "state"))
	given := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	here := state.Word{Remote: "https://one.example", WorkTree: "/w/here", Project: "repo", Given: given}
	there := state.Word{WorkTree: "/w/there", Project: "repo", Given: given}
	for _, w := range []state.Word{there, here, here} {
		if err := w.Give(root); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]state.Word{here, there}, state.Words(root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := here.TakeBack(root); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(root.Path("trusted"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(root.Path("trusted", files[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	for _, spoiled := range []string{"copy.json", "text.json"} {
		if err := os.WriteFile(root.Path("trusted", spoiled), text, 0o600); err != nil {
			t.Fatal(err)
		}
		text = text[:20]
	}
	if diff := cmp.Diff([]state.Word{there}, state.Words(root)); diff != "" {
		t.Errorf("with spoiled files (-want +got):\n%s", diff)
	}
	if err := here.Give(root.OnlyLook()); err != nil || len(state.Words(root)) != 1 {
		t.Errorf("who only looks remembered something: %v", err)
	}
}
