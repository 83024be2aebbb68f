package atomicfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/testkit/filekit"
)

func TestWriteReplacesContentAndMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "manifest.json")
	writeFile(t, path, "old and longer", 0o600)

	if err := atomicfile.Write(path, []byte("new"), 0o640); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "new")
	wantOnly(t, filepath.Dir(path), "manifest.json")
	if runtime.GOOS == "windows" {
		return
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// Every usual umask leaves the owner's bits alone.
	if got := info.Mode().Perm() &^ 0o077; got != 0o600 {
		t.Errorf("owner's mode is %o, want 600", got)
	}
}

// The mode must be what os.OpenFile would give under this process's umask,
// whatever that is: neither the 0600 of os.CreateTemp nor a chmod past it.
func TestWriteObeysUmask(t *testing.T) {
	dir := t.TempDir()
	plain, atomic := filepath.Join(dir, "plain"), filepath.Join(dir, "atomic")
	writeFile(t, plain, "x", 0o666)
	if err := atomicfile.Write(atomic, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got, want := mode(t, atomic), mode(t, plain); got != want {
		t.Errorf("mode %v, want %v as os.OpenFile gives", got, want)
	}
}

// Where no lock is held, what somebody may be writing stays.
func TestWriteSweepsOldLeftovers(t *testing.T) {
	dir := t.TempDir()
	young, old := atomicfile.TempPrefix+"young"+atomicfile.TempSuffix, atomicfile.TempPrefix+"old"+atomicfile.TempSuffix
	for _, name := range []string{young, old, "old"} {
		writeFile(t, filepath.Join(dir, name), "half", 0o600)
	}
	hourAgo := time.Now().Add(-time.Hour)
	for _, name := range []string{old, "old"} {
		if err := os.Chtimes(filepath.Join(dir, name), hourAgo, hourAgo); err != nil {
			t.Fatal(err)
		}
	}
	if err := atomicfile.Write(filepath.Join(dir, "state.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantOnly(t, dir, young, "old", "state.json")
}

func TestWriteFollowsLinks(t *testing.T) {
	dotfiles, home := t.TempDir(), t.TempDir()
	target, link := filepath.Join(dotfiles, "config.yaml"), filepath.Join(home, "config.yaml")
	writeFile(t, target, "old", 0o600)
	filekit.Symlink(t, target, link)

	if err := atomicfile.Write(link, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantContent(t, target, "new")
	if got := mode(t, link).Type(); got != fs.ModeSymlink {
		t.Errorf("the link became %v", got)
	}
	wantOnly(t, home, "config.yaml")
	wantOnly(t, dotfiles, "config.yaml")
}

func TestWriteFailsAndLeavesNothing(t *testing.T) {
	tests := []struct {
		name string
		// path prepares dir and gives the path to write.
		path func(t *testing.T, dir string) string
		left []string
		want error
	}{
		{
			name: "missing parent",
			path: func(_ *testing.T, dir string) string { return filepath.Join(dir, "no", "file") },
			want: fs.ErrNotExist,
		},
		{
			name: "target is a directory",
			path: func(t *testing.T, dir string) string {
				path := filepath.Join(dir, "taken")
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
				return path
			},
			left: []string{"taken"},
		},
		{
			name: "link to nowhere",
			path: func(t *testing.T, dir string) string {
				path := filepath.Join(dir, "link")
				filekit.Symlink(t, filepath.Join(dir, "gone"), path)
				return path
			},
			left: []string{"link"},
			want: fs.ErrNotExist,
		},
		{
			name: "read-only directory",
			path: func(t *testing.T, dir string) string {
				if runtime.GOOS == "windows" || os.Geteuid() == 0 {
					t.Skip("nothing is read-only here")
				}
				if err := os.Chmod(dir, 0o500); err != nil {
					t.Fatal(err)
				}
				return filepath.Join(dir, "file")
			},
			want: fs.ErrPermission,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			err := atomicfile.Write(tt.path(t, dir), []byte("data"), 0o644)
			if err == nil || (tt.want != nil && !errors.Is(err, tt.want)) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has more than one line: %q", err)
			}
			wantOnly(t, dir, tt.left...)
		})
	}
}

func TestConcurrentWritersLeaveOneWholeVersion(t *testing.T) {
	const size = 1 << 16
	path := filepath.Join(t.TempDir(), "file")
	letters := "abcdefgh"
	var writers sync.WaitGroup
	for i := range letters {
		writers.Go(func() {
			data := bytes.Repeat([]byte{letters[i]}, size)
			for range 5 {
				err := atomicfile.Write(path, data, 0o644)
				// Windows lets only one rename at a time have the target.
				if err != nil && runtime.GOOS != "windows" {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()

	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != size || bytes.Count(got, got[:1]) != size {
		t.Errorf("%d bytes, %d of them equal to the first, want %d", len(got), bytes.Count(got, got[:1]), size)
	}
	wantOnly(t, filepath.Dir(path), "file")
}

func writeFile(t *testing.T, path, content string, perm os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), perm); err != nil {
		t.Fatal(err)
	}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("content %q, want %q", got, want)
	}
}

// wantOnly checks that dir holds these names, in order, and nothing else.
func wantOnly(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
}
