package git_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/git"
)

// A commit's files are read as they were, within bounds, and what git has not is an error that the next file survives.
func TestReadARevision(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	top := t.TempDir()
	environ := append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir, cmd.Env = top, environ
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	dir := filepath.Join(top, "a b", ".engram")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, "chunks"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run("init", "-q")
	write("manifest.json", "{}\n")
	write("chunks/one", strings.Repeat("x", 1000))
	write("chunks/two", "")
	run("add", ".")
	run("commit", "-qm", "first")
	write("chunks/one", "changed")
	write("chunks/three", "new")
	find := func(name string) *git.Revision {
		t.Helper()
		r, err := git.FindRevision(t.Context(), environ, dir, name)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, name := range []string{"nothing", "--all", "-h", "", "HEAD:", "HEAD\x01"} {
		if find(name) != nil {
			t.Errorf("%q is a revision", name)
		}
	}
	r := find("HEAD")
	t.Cleanup(r.Close)
	files, err := r.Files(t.Context())
	if err != nil || len(files) != 3 || !files["chunks/one"].Regular {
		t.Fatalf("%+v, %v", files, err)
	}
	var large *git.TooLargeError
	if _, err := r.Read(t.Context(), files["chunks/one"], 999); !errors.As(err, &large) {
		t.Errorf("too large: %v", err)
	}
	if _, err := r.Read(t.Context(), git.TreeFile{Object: strings.Repeat("1", 40)}, 999); !errors.Is(err, git.ErrNoObject) {
		t.Errorf("no such object: %v", err)
	}
	for name, want := range map[string]string{"manifest.json": "{}\n", "chunks/one": strings.Repeat("x", 1000), "chunks/two": ""} {
		if text, err := r.Read(t.Context(), files[name], 1000); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	changed, err := r.Changed(t.Context())
	if err != nil || !changed["chunks/one"] || changed["chunks/two"] || changed["manifest.json"] {
		t.Errorf("%v, %v", changed, err)
	}
}
