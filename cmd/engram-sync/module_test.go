package main

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestModule gives this repository to Go as a module proxy would: one file with a name that modules may
// not have, and `go install …@latest` works for nobody.
func TestModule(t *testing.T) {
	const module, version = "github.com/engram-sync/engram-sync", "v0.0.1"
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Skipf("this is no clone: git ls-files: %v", err)
	}
	proxy := t.TempDir()
	dir := filepath.Join(proxy, filepath.FromSlash(module), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	packed, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packed.Close() }()
	archive := zip.NewWriter(packed)
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join("../..", name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		w, err := archive.CreateHeader(&zip.FileHeader{Name: module + "@" + version + "/" + name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if name == "go.mod" {
			write(t, filepath.Join(dir, version+".mod"), string(content))
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "list"), version+"\n")
	write(t, filepath.Join(dir, version+".info"), `{"Version":"`+version+`"}`)

	get := exec.CommandContext(t.Context(), "go", "mod", "download", module+"@latest")
	get.Dir = t.TempDir()
	get.Env = append(os.Environ(), "GOPROXY="+fileURL(proxy), "GOSUMDB=off", "GONOPROXY=none", "GOFLAGS=-modcacherw", "GOMODCACHE="+t.TempDir())
	if out, err := get.CombinedOutput(); err != nil {
		t.Fatalf("go mod download %s@latest: %v\n%s", module, err, out)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fileURL is a path as a URL: on Windows there is a slash before the drive.
func fileURL(path string) string { return "file:///" + strings.TrimPrefix(filepath.ToSlash(path), "/") }
