//go:build !windows

package repofile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/repofile"
)

// A link may lead anywhere in its tree, and not out of it, whatever is there.
func TestLinksStayWithin(t *testing.T) {
	outside, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(outside, "tree")
	for _, dir := range []string{"sub/deep", "other"} {
		if err := os.MkdirAll(filepath.Join(tree, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(outside, "file"), "secret")
	write(t, filepath.Join(tree, "other", "file"), "text")
	if err := os.MkdirAll(filepath.Join(outside, "tree2"), 0o755); err != nil {
		t.Fatal(err)
	}
	var leaves *repofile.LinkError
	for target, out := range map[string]bool{
		"../other": false, filepath.Join(tree, "other"): false, "deep": false, "deep/../../other": false, ".": false,
		"nothing": false, "../..": true, "../../tree": true, outside: true, "../../nothing": true, "/": true, "/dev/zero": true,
		filepath.Join(outside, "tree2"): true, filepath.Join(outside, "nothing"): true,
	} {
		link := filepath.Join(tree, "sub", "link")
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{link, filepath.Join(link, "file")} {
			if err := repofile.Within(tree, path); errors.As(err, &leaves) != out && target != "../../tree" {
				t.Errorf("%s -> %s: %v", path, target, err)
			}
		}
		text, err := repofile.ReadWithin(tree, filepath.Join(link, "file"), limit)
		if out && (err == nil || len(text) > 0) && target != "../../tree" {
			t.Errorf("%s: read %q, %v", target, text, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := repofile.ReadWithin(tree, filepath.Join(tree, "other", "file"), limit); err != nil || string(text) != "text" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := repofile.Within(tree, filepath.Join(tree, "other", "file", "x")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("below a file: %v", err)
	}
	if err := repofile.Within(tree, filepath.Join(tree, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}

func TestIsRemote(t *testing.T) {
	for path, want := range map[string]bool{`\\host\share`: true, "//host/share": true, `\\.\pipe\x`: true, `\/host`: true, "/a": false, `C:\a`: false, "a": false, "": false} {
		if repofile.IsRemote(path) != want {
			t.Errorf("%s: want %v", path, want)
		}
	}
}
