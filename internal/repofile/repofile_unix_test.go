//go:build !windows

package repofile_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/repofile"
)

const limit = 10

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A repository can hold anything under the name of a file. None of it is
// followed or waited for.
func TestOnlyFilesAreRead(t *testing.T) {
	t.Chdir(t.TempDir()) // the name of a socket must be short
	write(t, "private", "secret")
	for name, plant := range map[string]func(path string) error{
		"link":          func(path string) error { return os.Symlink("private", path) },
		"dangling link": func(path string) error { return os.Symlink("nothing", path) },
		"pipe":          func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"directory":     func(path string) error { return os.Mkdir(path, 0o755) },
		"socket": func(path string) error {
			var config net.ListenConfig
			l, err := config.Listen(t.Context(), "unix", path)
			if err == nil {
				t.Cleanup(func() { _ = l.Close() })
			}
			return err
		},
	} {
		if err := plant(name); err != nil {
			t.Fatal(err)
		}
		if _, _, err := repofile.Open(name); !errors.Is(err, repofile.ErrNotRegular) {
			t.Errorf("%s: Open gives %v", name, err)
		}
		var unfit *repofile.UnfitError
		if text, err := repofile.Read(name, limit); !errors.As(err, &unfit) || text != nil {
			t.Errorf("%s: Read gives %q, %v", name, text, err)
		}
	}
}

func TestReadIsBounded(t *testing.T) {
	dir := t.TempDir()
	for text, fits := range map[string]bool{"": true, "0123456789": true, "0123456789a": false} {
		path := filepath.Join(dir, "file")
		write(t, path, text)
		got, err := repofile.Read(path, limit)
		if want := (repofile.UnfitError{Path: path, Limit: limit}); fits && (err != nil || string(got) != text) ||
			!fits && (err == nil || err.Error() != want.Error()) {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	if _, err := repofile.Read(filepath.Join(dir, "none"), limit); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}

// The owner of a repository may keep a directory of it elsewhere.
func TestDirectoriesMayBeLinks(t *testing.T) {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	write(t, filepath.Join(dir, "file"), "text")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if text, err := repofile.Read(filepath.Join(link, "file"), limit); err != nil || string(text) != "text" {
		t.Errorf("got %q, %v", text, err)
	}
}
