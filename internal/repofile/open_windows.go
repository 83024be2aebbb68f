package repofile

import (
	"io/fs"
	"os"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// openNoFollow opens path for reading, but no symbolic link or other reparse point.
func openNoFollow(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	return sharing.Open(path)
}
