package state_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/state"
)

// A job that makes a new directory for each run does not fill the disk with what nobody asks for again.
func TestOldSuccessesAreForgotten(t *testing.T) {
	root := state.In(t.TempDir())
	const most = 1000
	now := time.Date(2026, 11, 1, 3, 17, 0, 0, time.UTC)
	note := func(dir string) {
		t.Helper()
		if err := state.NoteSuccess(root, "work", dir, "push", now); err != nil {
			t.Fatal(err)
		}
	}
	note("/tmp/first")
	for i := range most + 5 { // as many runs would, without a sync of the disk for each
		path := root.Path("successes", fmt.Sprintf("%016x.json", i))
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, now, now)); err != nil {
			t.Fatal(err)
		}
	}
	note("/tmp/last")
	kept, err := os.ReadDir(root.Path("successes"))
	if err != nil || len(kept) != most {
		t.Errorf("%d are kept, %v; want %d", len(kept), err, most)
	}
	if at, ok := state.LastSuccess(root, "work", "/tmp/last", "push"); !ok || !at.Equal(now) {
		t.Errorf("the last one is %v, %t", at, ok)
	}
}
