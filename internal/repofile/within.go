package repofile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// LinkError says that a link leads out of the tree that it is in.
type LinkError struct{ Path, Tree string }

func (e *LinkError) Error() string {
	return fmt.Sprintf("a link leads from %s out of %s, and whoever could commit may have made it: put what it leads to in its place, or name that instead of the link", e.Path, e.Tree)
}

// Within says whether a path can be reached from the tree above it without leaving that: a
// link on the way that leads out is a *LinkError, also if nothing is there. Otherwise it is nil,
// or the error of looking at what lies there. On Windows every absolute link leads
// out, and no link is followed to another machine.
func Within(tree, path string) error {
	name, err := filepath.Rel(tree, path)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // only looked at
	_, err = root.Stat(name)
	if _, known := errors.AsType[syscall.Errno](err); err == nil || known {
		return err
	}
	// What no system call says, os.Root does.
	if runtime.GOOS != "windows" && endsWithin(tree, path) {
		return nil
	}
	return &LinkError{path, tree}
}

// endsWithin says whether a path ends in the tree, if by an absolute link.
func endsWithin(tree, path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	if tree, err = filepath.EvalSymlinks(tree); err != nil {
		return false
	}
	return real == tree || strings.HasPrefix(real, strings.TrimSuffix(tree, string(filepath.Separator))+string(filepath.Separator))
}

// CheckLinks refuses a path on which a link leads out of the git work tree that the link is
// in, with a *LinkError: the path is the user's, but the link can be anybody's. Links
// outside of work trees are the user's.
func CheckLinks(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	paths := []string{abs}
	if parent, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		paths = append(paths, filepath.Join(parent, filepath.Base(abs))) // by a link of the user's into a work tree
	}
	for _, path := range paths {
		for at := filepath.Dir(path); at != filepath.Dir(at); at = filepath.Dir(at) {
			if _, err := os.Lstat(filepath.Join(at, ".git")); err != nil {
				continue
			}
			if link, leaves := errors.AsType[*LinkError](Within(at, path)); leaves {
				return link
			}
			if info, err := os.Lstat(at); err == nil && info.IsDir() {
				break // else it is a link itself, perhaps out of another work tree
			}
		}
	}
	return nil
}

// ReadWithin is Read for a file in a tree that no link may lead out of.
func ReadWithin(tree, path string, limit int64) ([]byte, error) {
	if err := Within(tree, path); err != nil {
		return nil, err
	}
	return Read(path, limit)
}

// IsRemote says whether a path is one of another machine to Windows, which would
// send the user's credentials there, or of a device.
func IsRemote(path string) bool {
	return len(path) > 1 && strings.ContainsRune(`/\`, rune(path[0])) && strings.ContainsRune(`/\`, rune(path[1]))
}
