// Package filekit is what the file systems of the three systems differ in, for tests
// that shall say on each of them what is true there.
package filekit

import (
	"io/fs"
	"os"
	"runtime"
	"testing"
)

// Symlink makes a symbolic link, or skips the test where there are none: on Windows they take a
// right, and Wine makes something else in their place.
func Symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Skipf("no symbolic links here: what was made is another thing (%v)", err)
	}
}

// WantPrivate wants a file that only its owner can read. Windows has lists of rights in the place of
// modes, which a file takes over from its directory.
func WantPrivate(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Error(err)
	} else if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		t.Errorf("%s has mode %v, and others can read it", path, mode)
	}
}
