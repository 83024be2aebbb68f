package git_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/engram-sync/engram-sync/internal/git"
)

func TestStatusTellsWhatGitMakesOfAFile(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	top := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", top, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("init", "-q")
	put(".gitignore", "secret\nall/\n")
	put("a dir/kept", "1")
	put("a dir/changed", "1")
	put("a dir/gone", "1")
	run("add", ".")
	run("commit", "-qm", "x")
	put("a dir/changed", "2")
	put("a dir/new", "1")
	put("a dir/secret", "1")
	put("a dir/all/below", "1")
	if err := os.Remove(filepath.Join(top, "a dir", "gone")); err != nil {
		t.Fatal(err)
	}
	f := git.Status(t.Context(), filepath.Join(top, "a dir"), os.Environ())
	for name, want := range map[string][4]bool{
		"kept":                        {true, false, false, false},
		"changed":                     {},
		"new":                         {false, true, false, false},
		"secret":                      {false, false, true, false},
		filepath.Join("all", "below"): {false, false, true, false},
		"gone":                        {false, false, false, true},
	} {
		if got := [4]bool{f.Has(name), f.Untracked(name), f.Ignored(name), f.Deleted(name)}; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if f := git.Status(t.Context(), t.TempDir(), os.Environ()); f.Has("kept") || f.Untracked("kept") || f.Ignored("kept") || f.Deleted("kept") {
		t.Error("outside of a work tree it knows something")
	}
}
