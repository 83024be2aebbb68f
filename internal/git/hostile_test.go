package git_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/git"
)

// A directory of a clone can look like a repository of its own, with settings that run
// programs. git must not be asked in there.
func TestRepositoryInARepositoryRunsNothing(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil || runtime.GOOS == "windows" {
		t.Skip("git is not installed, or there is no touch")
	}
	top, marks := t.TempDir(), t.TempDir()
	run := func(dir string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(top, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(top, "init", "-q")
	inner := filepath.Join(top, ".engram")
	run(top, "init", "-q", "--bare", inner)
	put(".gitattributes", "* filter=x\n")
	put(".engram/file", "1")
	run(inner, "--work-tree=..", "--git-dir=.", "add", "file")
	put(".engram/file", "2")
	mark := func(name string) string { return "touch '" + filepath.Join(marks, name) + "'; cat" }
	for key, value := range map[string]string{
		"core.bare": "false", "core.worktree": "..", "core.fsmonitor": mark("fsmonitor"), "filter.x.clean": mark("clean"), "filter.x.process": mark("process"),
	} {
		run(top, "config", "--file", filepath.Join(inner, "config"), key, value)
	}
	git.Status(t.Context(), inner, os.Environ())
	if d, err := git.FindDriver(t.Context(), os.Environ(), inner, "manifest.json", "chunks", ".jsonl.gz"); err != nil || d.Path != ".engram/manifest.json" {
		t.Errorf("the driver: %+v, %v", d, err)
	}
	ran, err := os.ReadDir(marks)
	if err != nil || len(ran) > 0 {
		t.Errorf("the repository ran %v, %v", ran, err)
	}
}

// A .git file can lead to another machine, to which Windows would show who the user is.
func TestOtherMachinesAreNotAsked(t *testing.T) {
	for _, target := range []string{`\\host\share`, `//host/share`, `\\?\UNC\host\share`} {
		top := t.TempDir()
		if err := os.WriteFile(filepath.Join(top, ".git"), []byte("gitdir: "+target+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := git.CommonDir(top)
		var setup *git.SetupError
		if !errors.As(err, &setup) || !strings.Contains(err.Error(), "another machine") {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// What git runs, hooks and filters of the user among it, has no need of our token.
func TestGitGetsNoToken(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a script stands in for git")
	}
	bin := t.TempDir()
	seen := filepath.Join(bin, "seen")
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\nexport -p >>'"+seen+"'\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	git.Status(t.Context(), t.TempDir(), append(os.Environ(), "ENGRAM_SYNC_TOKEN=s3cret-1", "ENGRAM_TOKEN=s3cret-2", "KEPT=yes"))
	said, err := os.ReadFile(seen)
	if err != nil || !strings.Contains(string(said), "KEPT") || strings.Contains(string(said), "s3cret") {
		t.Errorf("git got %s, %v", said, err)
	}
}
