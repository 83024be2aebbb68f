package git_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/repofile"
)

// A repository can commit a link to a private file as .gitattributes. Its
// content would become part of the work tree, and be committed.
func TestTheDriverFollowsNoLink(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil || runtime.GOOS == "windows" {
		t.Skip("git is not installed, or links need a privilege")
	}
	root := t.TempDir()
	top, private := filepath.Join(root, "top"), filepath.Join(root, "private")
	environ := append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", top).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(private, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	attributes := filepath.Join(top, ".gitattributes")
	if err := os.Symlink(private, attributes); err != nil {
		t.Fatal(err)
	}
	var unfit *repofile.UnfitError
	if d, err := git.FindDriver(t.Context(), environ, top, "manifest.json", "chunks", ".jsonl.gz"); !errors.As(err, &unfit) {
		t.Errorf("a link was taken: %+v, %v", d, err)
	}
	if info, err := os.Lstat(attributes); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone (%v)", err)
	}
	if text, err := os.ReadFile(private); err != nil || string(text) != "secret\n" {
		t.Errorf("the file behind it holds %q, %v", text, err)
	}
	// a link that leads nowhere is no missing file
	if err := os.Remove(private); err != nil {
		t.Fatal(err)
	}
	if d, err := git.FindDriver(t.Context(), environ, top, "manifest.json", "chunks", ".jsonl.gz"); !errors.As(err, &unfit) {
		t.Errorf("a dangling link was taken: %+v, %v", d, err)
	}
}
