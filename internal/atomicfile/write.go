// Package atomicfile makes files that are whole or absent: whoever opens the path
// sees the old content or all of the new, also after a crash or a power failure.
// It stands at the bottom, for whoever writes a file that somebody else may read.
//
// Content goes to a temporary file in the same directory, is synced, and then
// renamed over the path.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Temporary files are named TempPrefix, a random part, TempSuffix. They are
// left behind only by a process that was killed; Sweep removes them.
const (
	TempPrefix = ".engram-sync-"
	TempSuffix = ".tmp"
)

// Write replaces path by a file with this content and perm (before umask, as
// for os.OpenFile; the mode of a file that was there does not matter). Where
// path is a symbolic link, the file that it points to is replaced, so that
// linked dotfiles stay linked; a link that points nowhere is an error. The
// directory must exist. Of concurrent writers the last one wins, whole; on
// Windows one of them can fail instead, for lack of access.
func Write(path string, data []byte, perm os.FileMode) (err error) {
	target, err := followLink(path)
	if err != nil {
		return err
	}
	f, err := Create(target, perm)
	if err != nil {
		return err
	}
	// Does nothing after Commit; after a failed Write that error is the news.
	defer func() { err = errors.Join(err, f.Discard()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// followLink gives the path of the file that path is, or is a link to.
func followLink(path string) (string, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("cannot follow the link %s: %w", path, err)
	}
	return target, nil
}
