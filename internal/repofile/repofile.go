// Package repofile reads the files that a repository brings along. Anybody can
// have written them, so whoever takes one from a work tree takes it from here.
package repofile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrNotRegular is wrapped by the errors about what has a file's name, but is a
// symbolic link, a directory, a pipe or a device.
var ErrNotRegular = errors.New("not a regular file")

// Open opens a regular file for reading, and nothing else: people commit links
// to private files, and a pipe would block. The directories on the way may be
// links: their owner made them.
func Open(path string) (*os.File, fs.FileInfo, error) {
	f, err := openNoFollow(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// UnfitError says that Read does not take what lies at a path.
type UnfitError struct {
	Path  string
	Limit int64
}

func (e *UnfitError) Error() string {
	return fmt.Sprintf("%s is not a regular file of at most %d bytes", e.Path, e.Limit)
}

// Read gives the content of a regular file of at most limit bytes. Anything else
// is an *UnfitError.
func Read(path string, limit int64) (text []byte, err error) {
	f, _, err := Open(path)
	if errors.Is(err, ErrNotRegular) {
		return nil, &UnfitError{path, limit}
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, &UnfitError{path, limit}
	}
	return text, err
}
