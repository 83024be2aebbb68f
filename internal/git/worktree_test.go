package git_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/git"
)

func TestTop(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"r/.git", "r/a", "r/wt/b", "out"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "r/wt/.git"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, start := range []string{"r", "r/a", "r/wt/b", "out", "gone"} {
		got[start] = git.Top(filepath.Join(root, start))
	}
	want := map[string]string{
		"r": filepath.Join(root, "r"), "r/a": filepath.Join(root, "r"), "r/wt/b": filepath.Join(root, "r", "wt"), "out": "", "gone": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Top (-want +got):\n%s", diff)
	}
}
